/** A tool call as a person reads it: Python as code, SymPy as operation and expression, Z3 as its constraints. */
import type { ToolCall } from "../protocol.gen";

export interface ReadableCall {
  language: "python" | "text";
  text: string;
}

export function callReadable(call: ToolCall): ReadableCall {
  const given = call.arguments;
  if (!given) return { language: "text", text: call.raw };
  if (call.name === "execute_python" && typeof given.code === "string")
    return { language: "python", text: given.code };
  if (call.name === "symbolic_math" && typeof given.expression === "string") {
    const { operation, expression, ...rest } = given;
    return { language: "text", text: `${words(operation)}  ${expression}${settings(rest)}` };
  }
  if (call.name === "logic_solver") return { language: "text", text: logicText(given) };
  return { language: "text", text: JSON.stringify(given, null, 2) };
}

function logicText(given: Record<string, unknown>): string {
  if (typeof given.smtlib === "string" && given.smtlib) return given.smtlib;
  const { constraints, goal, task } = given;
  const lines = Array.isArray(constraints) ? constraints.map(words) : [];
  if (goal) lines.push(`goal  ${words(goal)}`);
  if (task && task !== "model") lines.push(`task  ${words(task)}`);
  return lines.join("\n");
}

function settings(rest: Record<string, unknown>): string {
  const parts = Object.entries(rest).filter(([, value]) => value !== "" && value !== null);
  return parts.length ? `\n${parts.map(([name, value]) => `${name} = ${words(value)}`).join(", ")}` : "";
}

const words = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
