/** What the status page says. */
export const words = {
  title: "Status",
  hint: "Each part of Svend, asked now and every five seconds.",
  allWell: "All parts work",
  failing: (names: string) => `Not working: ${names}`,
  late: (names: string) => `Works, but look at: ${names}`,
  askedAt: (at: string) => `Asked at ${at}`,
  stale: (at: string) => `Last answer at ${at}; the server does not answer now`,
  took: (ms: number) => `${ms} ms`,
  states: { ok: "Works", late: "Look at it", failing: "Not working", off: "Off" },
  parts: {
    postgresql: { title: "PostgreSQL", says: "Holds everything that is true: runs, jobs, money." },
    valkey: { title: "Valkey", says: "Carries wake-ups and limits; losing it costs seconds." },
    worker: { title: "Worker", says: "Takes runs and jobs up again, places jobs, follows nodes." },
    beat: { title: "Beat", says: "Sends the ticks that find what is due." },
    nodes: { title: "Nodes", says: "Answer questions and run jobs." },
    proof: { title: "Money proof", says: "Ledger, runs, nodes and Stripe agree." },
    storage: { title: "Storage", says: "Checkpoints and data files." },
    mail: { title: "Mail", says: "Confirms addresses, warns at caps." },
    payments: { title: "Payments", says: "Cards, top-ups, refunds, by Stripe." },
    tracing: { title: "Tracing", says: "Spans of web, worker and nodes, for a collector." },
  } as Record<string, { title: string; says: string }>,
};
