/** Keeps the newest step in sight while the reader is at the bottom, and never steals the scroll from them. */
import { useEffect, useLayoutEffect, useRef, useState } from "react";

const AT_BOTTOM_PX = 80; // closer than this counts as reading along

const distance = () => document.documentElement.scrollHeight - window.innerHeight - window.scrollY;

export function useFollowScroll(
  isRunning: boolean,
  lastSeq: number,
): { isBehind: boolean; jump: () => void } {
  const isAlong = useRef(true);
  const [isBehind, setBehind] = useState(false);
  useEffect(() => {
    const look = () => {
      isAlong.current = distance() < AT_BOTTOM_PX;
      if (isAlong.current) setBehind(false);
    };
    window.addEventListener("scroll", look, { passive: true });
    return () => window.removeEventListener("scroll", look);
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: lastSeq is what makes the page grow
  useLayoutEffect(() => {
    if (!isRunning) return;
    if (isAlong.current) window.scrollTo({ top: document.documentElement.scrollHeight });
    else setBehind(true);
  }, [isRunning, lastSeq]);
  return {
    isBehind: isBehind && isRunning,
    jump: () => window.scrollTo({ top: document.documentElement.scrollHeight, behavior: "smooth" }),
  };
}
