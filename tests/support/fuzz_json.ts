/** JSON that almost means something: good documents with faults. */
import { isJsonObject, type Json } from "../../src/spec/json.ts";
import { type Random } from "../property/spec_random.ts";

/** Keys that lead astray: of all objects, of other rooms, in other cases, with letters that fold to others. */
const KEYS = [
  ..."name Name NAME cniVersion cniVersions plugins type TYPE ipam dns prevResult runtimeConfig args cni capabilities"
    .split(" "),
  ..."interfaces ips routes address gateway interface dst gw mtu ip4 ip6 ip ranges rangeStart subnet mac vlan".split(
    " ",
  ),
  ..."__proto__ constructor prototype toString hasOwnProperty valueOf length then toJSON".split(" "),
  ...["", " ", "0", "-1", "\0", "\ud800", "\u017ftatus", "\u212aey", "cni.dev/valid-attachments", "k".repeat(300)],
];

/** Texts that are read as something: addresses, versions, names, numbers, paths, and what is none of them. */
const TEXTS = [
  ...["", " ", "lab", "0", "true", "null", "9", "1.1.0", "0.2.0", "1.0.0-rc1", "0.4.0", "-1", "1e9", "NaN"],
  ...["10.1.0.2/16", "10.1.0.1", "10.1.0.0/33", "010.1.0.1", "10.1.0.1/0x10", "fd00::1/64", "::", "::ffff:1.2.3.4/97"],
  ...["fe80::1%eth0", "1::2::3", "0.0.0.0/0", "255.255.255.255/32", "02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "aa-bb"],
  ...[
    "eth0",
    "../x",
    "/",
    "..",
    "a/b",
    "a\0b",
    "a\nb",
    "\ud800",
    "\udc00x",
    "ä€😀",
    "\u202e",
    "\ufeff",
    "%s%n",
    "${x}",
  ],
  ...["__proto__", "x".repeat(300), "😀".repeat(80), "[".repeat(50), "9".repeat(400), "host-local", "bridge"],
];

const NUMBERS = [
  ...[0, -0, 1, -1, 1.5, 7, 53, 68, 255, 256, 1500, 4094, 4095, 4096, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000],
  ...[
    0xffff_ffff,
    0x1_0000_0000,
    2 ** 53,
    2 ** 53 + 2,
    -(2 ** 53),
    1e21,
    1e300,
    -1e300,
    5e-324,
    1.7976931348623157e308,
  ],
];

/** One of a list; an empty list is a mistake of the test. */
export function oneOf<A>(random: Random, items: readonly A[]): A {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new Error("an empty list to pick from");
  return item;
}

/** Any value, at most `depth` levels deep. */
export function anyJson(random: Random, depth: number): Json {
  const kind = random.below(depth === 0 ? 5 : 8);
  if (kind === 0) return random.pick([null, true, false]);
  if (kind === 1) return oneOf(random, NUMBERS);
  if (kind <= 4) return oneOf(random, TEXTS);
  if (kind === 5) return random.list(4, () => anyJson(random, depth - 1));
  return Object.fromEntries(random.list(5, () => [oneOf(random, KEYS), anyJson(random, depth - 1)] as const));
}

type Path = readonly (string | number)[];

/** An array of JSON, as TypeScript cannot tell it by itself. */
export const isArray = (value: Json): value is readonly Json[] => Array.isArray(value);

/** The places in a value, its own first. */
function placesIn(value: Json, path: Path = []): Path[] {
  const children = isArray(value) ? [...value.entries()] : isJsonObject(value) ? Object.entries(value) : [];
  return [path, ...children.flatMap(([key, child]) => placesIn(child, [...path, key]))];
}

/** What is at a place. */
const at = (value: Json, path: Path): Json =>
  path.reduce<Json>((found, key) => {
    if (isArray(found)) return found[Number(key)] ?? null;
    return isJsonObject(found) && Object.hasOwn(found, key) ? found[key] ?? null : null;
  }, value);

/** A copy of an object or array in which the entry `key` has become these; keys are data, also `__proto__`. */
function replaceIn(
  value: Json,
  key: string | number,
  become: (old: Json) => readonly (readonly [string, Json])[],
): Json {
  if (isArray(value)) {
    return value.flatMap((item, index) => index === key ? become(item).map(([, child]) => child) : [item]);
  }
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, child]) => name === key ? become(child) : [[name, child] as const]),
  );
}

/** A copy in which what is at a place has become these: nothing, one thing, or several under keys of their own. */
function change(
  value: Json,
  path: Path,
  become: (key: string, old: Json) => readonly (readonly [string, Json])[],
): Json {
  const [key, ...rest] = path;
  if (key === undefined) return become("", value)[0]?.[1] ?? null;
  return replaceIn(value, key, (old) => {
    if (rest.length > 0) return [[String(key), change(old, rest, become)]];
    return become(String(key), old);
  });
}

const upset = (random: Random, key: string): string => {
  switch (random.below(4)) {
    case 0:
      return random.below(2) === 0
        ? key.toUpperCase()
        : key.replace(/./g, (c) => random.below(2) === 0 ? c.toUpperCase() : c);
    case 1:
      return key.replace("s", "ſ").replace("k", "\u212a");
    case 2:
      return key.slice(0, -1);
    default:
      return oneOf(random, KEYS);
  }
};

const nest = (random: Random, value: Json): Json => {
  const levels = random.below(20) === 0 ? 500 : 1 + random.below(3);
  const inObjects = random.below(2) === 0;
  let nested = value;
  for (let level = 0; level < levels; level++) {
    nested = inObjects ? { [oneOf(random, ["a", "type", "ipam"])]: nested } : [nested];
  }
  return nested;
};

/** One fault. */
function fault(random: Random, value: Json): Json {
  const places = placesIn(value);
  const path = oneOf(random, places);
  switch (random.below(9)) {
    case 0:
      return change(value, path, () => []);
    case 1:
      return change(value, path, (key) => [[key, anyJson(random, 2)]]);
    case 2:
      return change(value, path, (key) => [[key, oneOf(random, TEXTS)]]);
    case 3:
      return change(value, path, (key) => [[key, oneOf(random, NUMBERS)]]);
    case 4:
      return change(value, path, (key, old) => [[upset(random, key), old]]);
    case 5:
      return change(value, path, (key, old) => [[key, old], [upset(random, key), anyJson(random, 1)]]);
    case 6:
      return change(value, path, (key, old) => Array.from({ length: 2 + random.below(20) }, () => [key, old] as const));
    case 7:
      return change(value, path, (key, old) => [[key, nest(random, old)]]);
    default:
      return change(value, path, (key) => [[key, at(value, oneOf(random, places))]]);
  }
}

/** A good document with up to three faults; one in sixteen has none. */
export function faulty(random: Random, good: Json): Json {
  if (random.below(32) === 0) return anyJson(random, 4);
  let value = good;
  for (let left = random.pick([0, 1, 1, 1, 1, 1, 2, 2, 3]); left > 0; left--) value = fault(random, value);
  return value;
}

/** Values that are a little smaller. */
export function* smallerJson(value: Json): Iterable<Json> {
  for (const path of placesIn(value)) {
    if (path.length > 0) yield change(value, path, () => []);
    const here = at(value, path);
    const children = isArray(here) ? here : isJsonObject(here) ? Object.values(here) : [];
    for (const child of children) yield change(value, path, (key) => [[key, child]]);
    if (typeof here === "string" && here.length > 1) {
      yield change(value, path, (key) => [[key, here.slice(0, here.length >> 1)]]);
    }
  }
}
