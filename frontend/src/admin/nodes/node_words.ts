/** What a node's row says. Pure. */
import { bytes } from "../../format/bytes";
import { count } from "../../format/numbers";
import type { NodeVerb } from "../api";
import type { NodeRow, NodeState } from "../api_types";

export const STATE_COLOURS: Record<NodeState, string> = {
  ready: "text-accept",
  cordoned: "text-abstain",
  draining: "text-abstain",
  unreachable: "text-reject",
  lost: "text-reject",
  never_reached: "text-soft",
  foreign: "text-reject",
};

/** "2 × H100 80GB, 160 GB" */
export function devicesWords(node: NodeRow): string {
  const devices = node.info?.devices ?? [];
  const names = new Map<string, number>();
  for (const device of devices) names.set(device.name, (names.get(device.name) ?? 0) + 1);
  const whole = devices.reduce((sum, device) => sum + device.memory_bytes, 0);
  const listed = [...names].map(([name, number]) => (number > 1 ? `${number} × ${name}` : name));
  return whole ? `${listed.join(", ")}, ${bytes(whole)}` : listed.join(", ");
}

/** The verbs that make sense now. */
export function verbsOf(node: NodeRow): NodeVerb[] {
  return [node.is_cordoned ? "uncordon" : "cordon", node.is_draining ? "undrain" : "drain"];
}

/** Tokens a second that a node must sell, all day, to earn what it costs: at $3 per 1M an A100 at $2/h needs 185. */
export function breakEvenTokensPerSecond(
  priceNanoUsdPerHour: number,
  nanoUsdPerToken: number,
): number | null {
  if (priceNanoUsdPerHour <= 0 || nanoUsdPerToken <= 0) return null;
  return priceNanoUsdPerHour / nanoUsdPerToken / 3_600;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const isNodeName = (name: string): boolean => NAME.test(name);

export const soldPerSecond = (node: NodeRow): string => count(Math.round(node.tokens_sold_24h / 86_400));
