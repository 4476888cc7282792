/** What the page of the tools says. */

export const tools = {
  title: "Tools",
  lead: "What a run may call. Its calls run with these limits; a try here costs no tokens.",
  empty:
    "The node that serves the model has no tools. Without a fence it refuses all of them: `make doctor` says why.",
  source: (source: "built-in" | "plug-in" | "mcp", server: string) =>
    source === "mcp" ? `MCP server ${server}` : source === "plug-in" ? "Plug-in" : "Built in",
  available: "available",
  unavailable: (reason: string) => (reason ? `not available: ${reason}` : "not available"),
  fence: "Fence",
  outside: "outside, as configured",
  wall: "Time of a call",
  seconds: (seconds: number) => `${seconds} s`,
  memory: "Memory of a call",
  output: "Result",
  atOnce: "Calls at once",
  schema: "Parameters and JSON schema",
  required: "required",
  optional: "optional",
  oneOf: (choices: string[]) => `One of ${choices.join(", ")}.`,
  oneALine: "One a line.",
  more: (number: number) => (number === 1 ? "One more parameter" : `${number} more parameters`),
  tryLabel: (name: string) => `Try ${name}`,
  try: "Try it",
  trying: "Running",
  notTried: "What it answers stands here, as a run's trace shows it.",
  noJson: (why: string) => `This is no JSON: ${why}`,
};
