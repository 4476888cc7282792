/** The first call, with the reader's own key and address filled in. */

export type Language = "curl" | "python";

const QUESTION = "What is the derivative of x^3 + 2x?";

export function snippet(language: Language, key: string, origin: string): string {
  if (language === "curl") {
    return `curl ${origin}/v1/reason \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"question": "${QUESTION}"}'`;
  }
  return `from openai import OpenAI

client = OpenAI(base_url="${origin}/v1",
                api_key="${key}")
answer = client.chat.completions.create(
    model="svend-nano",
    messages=[{"role": "user",
               "content": "${QUESTION}"}],
)
print(answer.choices[0].message.content)`;
}
