/**
 * The queue and the nodes live, over /ws/fleet: what comes goes into the pages' own cache. A lost message costs one
 * refetch interval: lists are read again anyway.
 */
import type { InfiniteData } from "@tanstack/react-query";
import { useEffect } from "react";
import { queryClient } from "../api/queries";
import { LiveSocket, socketUrl } from "../live/live_socket";
import type { JobRow, NodeRow } from "./api_types";

export interface JobsPage {
  results: JobRow[];
  next: string | null;
}

type FleetMessage = { kind: "fleet"; nodes: NodeRow[] } | { kind: "job"; job: JobRow } | { kind: "ping" };

/** The pages with the job's new row in its place; null where they do not hold it: the list has to be read again. */
export function jobsMerged(pages: JobsPage[], job: JobRow): JobsPage[] | null {
  if (!pages.some((page) => page.results.some((row) => row.id === job.id))) return null;
  return pages.map((page) => ({
    ...page,
    results: page.results.map((row) => (row.id === job.id ? job : row)),
  }));
}

function receive(message: FleetMessage): void {
  if (message.kind === "fleet") queryClient.setQueryData(["nodes"], message.nodes);
  if (message.kind !== "job") return;
  const { job } = message;
  const lists = queryClient.getQueriesData<InfiniteData<JobsPage>>({ queryKey: ["jobs", "list"] });
  for (const [key, data] of lists) {
    const pages = data && jobsMerged(data.pages, job);
    const before = data?.pages.flatMap((page) => page.results).find((row) => row.id === job.id);
    if (pages && before?.status === job.status) queryClient.setQueryData(key, { ...data, pages });
    else void queryClient.invalidateQueries({ queryKey: key, exact: true }); // it may have left or joined the filter
  }
}

export function useFleet(): void {
  useEffect(() => {
    const socket = new LiveSocket({
      url: socketUrl("/ws/fleet"),
      hello: () => ({}),
      onMessage: (message) => receive(message as FleetMessage),
      onLine: () => undefined,
    });
    socket.start();
    return () => socket.stop();
  }, []);
}
