/**
 * Whether a parsed line is a record. Checked by hand: a schema library costs a plugin milliseconds at start-up, and
 * everything deeper than this is protected by the hash chain.
 */
import type { AttachmentEvent, Recorded } from "../../machines/event.ts";
import { isJsonObject } from "../../spec/json.ts";

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isObject: Check = isJsonObject;
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isOp: Check = (value) => isJsonObject(value) && isText(value.op);
const isFailure: Check = (value) => isJsonObject(value) && typeof value.code === "number" && isText(value.msg);
const orNull = (check: Check): Check => (value) => value === null || check(value);
const is = (expected: number): Check => (value) => value === expected;

/** The keys every event must have, by its type. */
const EVENT_KEYS: { readonly [Type in AttachmentEvent["type"]]: Readonly<Record<string, Check>> } = {
  "ADD": { netns: isObject, config: isObject, prevResult: orNull(isObject) },
  "CHECK": {},
  "DEL": {},
  "effect.intended": { id: isCount, op: isOp, undo: orNull(isOp) },
  "effect.applied": { id: isCount },
  "effect.failed": { id: isCount, error: isFailure },
  "undo.applied": { id: isCount },
  "undo.failed": { id: isCount, error: isFailure },
  "add.succeeded": { result: isObject },
  "add.failed": { error: isFailure },
  "check.passed": {},
  "check.drifted": { findings: isTexts },
  "del.succeeded": {},
  "del.failed": { error: isFailure },
  "command.abandoned": { pid: isCount },
  "host.rebooted": { from: isText, to: isText },
};

const RECORD_KEYS: Readonly<Record<string, Check>> = {
  v: is(1),
  at: isText,
  boot: isText,
  pid: isCount,
  by: isText,
  prev: isText,
  event: isObject,
};

const isEventType = (type: unknown): type is AttachmentEvent["type"] =>
  typeof type === "string" && Object.hasOwn(EVENT_KEYS, type);

const faultIn = (value: object, keys: Readonly<Record<string, Check>>, where: string): string | null => {
  const members: Readonly<Record<string, unknown>> = { ...value };
  for (const [key, check] of Object.entries(keys)) {
    if (!check(members[key])) return `${where}"${key}" is ${describe(members[key])}`;
  }
  return null;
};

const describe = (value: unknown): string => value === undefined ? "missing" : `not what a record has there`;

/** What is wrong with the shape of a parsed line, or null when it is a record. */
export const shapeFault = (value: unknown): string | null => {
  if (!isJsonObject(value)) return "it is not a JSON object";
  const fault = faultIn(value, RECORD_KEYS, "");
  if (fault !== null) return fault;
  const event = value.event;
  if (!isJsonObject(event) || !isEventType(event.type)) return "it has an unknown type of event";
  return faultIn(event, EVENT_KEYS[event.type], "event's ");
};

/** Whether a parsed line is a record. */
export const isRecorded = (value: unknown): value is Recorded => shapeFault(value) === null;
