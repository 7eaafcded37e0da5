/** The sections of the benchmark, by the names they are selected by, in the order they run. */
import type { Plan, Table } from "./table.ts";

/** Measures one table. */
export type Section = (plan: Plan) => Promise<Table>;

/** Loaded only by the process that measures it. */
export const SECTIONS = {
  "in-process": async (): Promise<Section> => (await import("./sections/in_process.ts")).inProcess,
  exec: async (): Promise<Section> => (await import("./sections/exec.ts")).exec,
  startup: async (): Promise<Section> => (await import("./sections/startup.ts")).startup,
  growth: async (): Promise<Section> => (await import("./sections/growth.ts")).growth,
  throughput: async (): Promise<Section> => (await import("./sections/throughput.ts")).throughput,
  packets: async (): Promise<Section> => (await import("./sections/packets.ts")).packets,
  log: async (): Promise<Section> => (await import("./sections/log.ts")).log,
} as const;

/** The name of a section. */
export type SectionName = keyof typeof SECTIONS;

/** Whether there is a section of that name. */
export const isSection = (name: string): name is SectionName => Object.hasOwn(SECTIONS, name);
