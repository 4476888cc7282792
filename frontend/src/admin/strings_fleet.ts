/** What the operator's pages say of schedules, data files, deployments, samples and alerts; joined by strings.ts. */
import { count } from "../format/numbers";

export const schedules = {
  title: "Schedules",
  hint: "Jobs that start by themselves, each with the settings it was made with.",
  make: "Make a schedule",
  empty:
    "No schedules yet. Set a job up as if to launch it, then choose “Repeat…”: it starts by itself every hour, night or week.",
  columns: { name: "Schedule", every: "Every", last: "Last start", next: "Next start" },
  neverYet: "not yet",
  paused: "Paused",
  dueNow: "now",
  pause: "Pause",
  resume: "Resume",
  remove: "Delete",
  removeTitle: (name: string) => `Delete ${name}?`,
  removeHint: "No further job starts by it. The jobs it has made stay as they are.",
  noJob: "Made no job last time",
  repeat: "Repeat…",
  repeatTitle: "Start this job again and again",
  repeatHint:
    "Each start is a job of its own, with these settings, priority and budget. A start missed while Svend was down is made up for once.",
  name: "Name",
  nameBad: "Give it a name: each of its jobs is called so.",
  number: "Every",
  numberBad: (least: string) => `A whole number; at least ${least} in all.`,
  unit: "Unit",
  units: { minute: "minutes", hour: "hours", day: "days", week: "weeks" },
  unitsOne: { minute: "minute", hour: "hour", day: "day", week: "week" },
  first: "First start",
  firstHint: "Your local time. Empty: at once.",
  submit: "Make the schedule",
};

export const files = {
  title: "Data files",
  hint: "Rows of your own to train on: JSON lines, each an object with question and answer, with messages, or with text.",
  upload: "Upload a file",
  uploadHint:
    "Every line is checked here before anything is sent. A line is {“question”: …, “answer”: …}, {“messages”: […]} or {“text”: …}.",
  choose: "Choose a file",
  chooseOther: "Choose another file",
  empty:
    "No data files yet. Upload one of JSON lines, then choose it in the launch form; the sample there shows its rows exactly as the model will read them.",
  columns: { name: "File", rows: "Rows", columns: "Columns", size: "Size", made: "Stored" },
  rowsUnknown: "not counted",
  rowsUnknownHint: "Too large to be looked through when it was stored; a job checks each line.",
  train: "Train on it",
  remove: "Delete",
  removeTitle: (name: string) => `Delete ${name}?`,
  removeHint: "Jobs that have ended keep what they learned; they could not be run again with the same data.",
  reading: (share: string) => `Checking the lines: ${share}`,
  hashing: (share: string) => `Naming its pieces: ${share}`,
  sending: (share: string) => `Sending: ${share}`,
  rows: (number: number) => (number === 1 ? "1 row" : `${count(number)} rows`),
  checked: "Every line parses.",
  send: (rows: string) => `Store ${rows}`,
  cancel: "Stop",
  done: (name: string) => `${name} is stored.`,
  known: (name: string) => `${name} was stored before: nothing had to be sent.`,
  use: "Use it in this job",
  line: (number: number) => `Line ${count(number)}`,
  bad: {
    utf8: "This is not UTF-8 text. Save the file as UTF-8.",
    json: (why: string) => `This is not JSON (${why}). Each line is one JSON object.`,
    object: "This is JSON, but no object. Each line is one JSON object.",
    long: "Over 1 MB. One row a line.",
    messages: "messages holds no list with a message in it.",
    column: (name: string, has: string) =>
      `No ${name}${has ? ` (it has ${has})` : ""}. A row has question and answer, or messages, or text.`,
    type: (name: string) => `${name} is not text, or is empty.`,
    none: "The file holds no row.",
  },
  insecure:
    "This browser names pieces by their hash only on https or on this machine. Open Svend by https, or by localhost.",
  refusedPiece: (status: number) =>
    status === 0
      ? "The store could not be reached from this browser. A bucket must allow this site by its CORS rules."
      : `The store refused a piece (${status}). Try again.`,
  picker: "Data file",
  pickerHint: "The rows that this job reads.",
  pickerNone: "None chosen",
  pickerOther: (name: string) => `${name} (not among the files stored here)`,
};

export const deploy = {
  title: "Models on this node",
  hint: "A version is loaded beside what the node already answers with; nothing that serves is taken away.",
  column: "Nodes",
  of: (version: string) => `Nodes of ${version}`,
  ofHint: "Where this version is held. Loading takes it from the store; what serves goes on meanwhile.",
  load: "Load",
  loadWhich: "Load a version",
  again: "Try again",
  unload: "Unload",
  none: "Nothing was loaded onto it from here.",
  noneToLoad: "Every version with files in the store is here already.",
  noNodes: "No nodes yet. Add one first.",
  noFiles: "The store has no files of this version: start a node with it instead.",
  onStart: "The node was started with it",
  closed: "takes nothing new now",
  trainsOnly: "trains only",
  states: {
    wanted: "waiting",
    loading: "loading",
    ready: "ready",
    failed: "failed",
    unloading: "unloading",
    absent: "not here",
  },
};

export const samples = {
  title: "Answer by answer",
  hint: "The same problems, how each of the two came to its answer. Those that only one got right come first.",
  filter: "Show",
  filters: {
    differ: "Where they differ",
    b_wrong: "Candidate wrong",
    b_better: "Candidate better",
    all: "All",
  },
  none: "These reports keep no answers. Evaluate both versions again: a job's report keeps each problem.",
  noneFound: "No problem fits this choice.",
  family: "Family",
  allFamilies: "All families",
  page: (from: number, to: number, of: number) => `${count(from)} to ${count(to)} of ${count(of)}`,
  before: "Earlier",
  after: "Later",
  trace: "How it came to it",
  noTrace: "The report kept no trace of this one.",
  noAnswer: "no answer",
  used: (tokens: number, calls: number | null) =>
    `${count(tokens)} tokens${calls ? `, ${calls} tool ${calls === 1 ? "call" : "calls"}` : ""}`,
  unseen: "unseen wording",
};

export const alerts = {
  title: "Alerts",
  none: "Nothing odd on the curves.",
  kinds: {
    non_finite: "Not a number",
    spike: "Spike",
    stall: "Stall",
    lost: "Node lost",
    failed: "Failed",
  },
  nonFinite: "the loss was no longer a number; the job stopped here",
  at: (step: number) => `step ${count(step)}`,
};

export const node = {
  crumb: "Nodes",
  open: (name: string) => `Open ${name}`,
  terms: "Price and role",
  termsHint:
    "What the machine costs decides budgets, placement and margin. The role says what it is meant for.",
  save: "Save",
  saved: "Saved.",
  missing: "There is no such node. It may have been removed.",
  running: "Running now",
  runningNone: "No jobs run on it.",
  danger: "Take it away",
  dangerHint: "Svend forgets its address and secret. The machine itself is not touched.",
};
