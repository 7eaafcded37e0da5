/**
 * Pieces that the configuration schemas of several plugins share. Addresses come out canonical; an empty text is unset
 * where Go's plugins take it so.
 *
 * @module
 */
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Schema from "effect/Schema";
import * as SchemaGetter from "effect/SchemaGetter";
import * as SchemaIssue from "effect/SchemaIssue";
import { canonicalCidr, canonicalIp } from "./cidr.ts";
import { described } from "./key_descriptions.ts";
import { parseLinkMac } from "./mac.ts";

/** What a text is read with: null refuses it, with `expected` saying what would be right. */
type Read = (text: string) => string | null;

const readText = (read: Read, expected: string) => (text: string): Effect.Effect<string, SchemaIssue.Issue> => {
  const value = read(text);
  return value === null ? Effect.fail(new SchemaIssue.InvalidValue({ expected })) : Effect.succeed(value);
};

/** A text that `read` makes canonical. */
const text = (read: Read, expected: string) =>
  Schema.String.pipe(
    Schema.decodeTo(Schema.String, {
      decode: SchemaGetter.transformEffect(readText(read, expected)),
      encode: SchemaGetter.passthrough(),
    }),
  );

/** As `text`, for a key that may be absent; an empty text counts as absent. */
const optionalText = (read: Read, expected: string) =>
  Schema.optionalKey(Schema.String).pipe(
    Schema.decodeTo(Schema.optionalKey(Schema.String), {
      decode: SchemaGetter.transformOptionalEffect((found: Option.Option<string>) =>
        Option.isNone(found) || found.value === ""
          ? Effect.succeed(Option.none<string>())
          : Effect.asSome(readText(read, expected)(found.value))
      ),
      encode: SchemaGetter.passthrough(),
    }),
  );

/** Rewrites `address` or `address/prefix` canonically. */
const canonicalIpOrCidr: Read = (value) => value.includes("/") ? canonicalCidr(value) : canonicalIp(value);

const CIDR = "an address with a prefix length, such as 10.1.0.0/16";
const IP = "an IP address, such as 10.1.0.1";
const MAC = "an Ethernet address, such as 02:00:00:00:00:01";

/** `10.1.2.3/16`: host bits are kept. */
export const CidrString = text(canonicalCidr, CIDR);

/** An address that may have a prefix, as capability `ips` has it. */
export const IpOrCidrString = text(canonicalIpOrCidr, `${IP} or 10.1.0.1/16`);

/** A key with an address; absent and empty both mean unset, and come out absent. */
export const OptionalIp = optionalText(canonicalIp, IP);

/** A key with an address and prefix; absent and empty both mean unset, and come out absent. */
export const OptionalCidr = optionalText(canonicalCidr, CIDR);

/** A key with an Ethernet address for a link; absent and empty both mean unset, and come out absent. */
export const OptionalMac = optionalText(parseLinkMac, `${MAC}, neither multicast nor zero`);

/** A whole number from `minimum` to `maximum`, both included. */
export const intBetween = (minimum: number, maximum: number) =>
  Schema.Int.check(
    Schema.isBetween({ minimum, maximum }, { expected: `a whole number from ${minimum} to ${maximum}` }),
  );

/** Highest 32-bit unsigned number, the bound of what the kernel takes for metrics, tables and MTUs. */
const MAX_U32 = 0xffff_ffff;

/** A whole number the kernel takes for a u32. */
export const Uint32 = intBetween(0, MAX_U32);

/** A boolean key, false when absent. */
export const Flag = Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false)));

/** A text key with a default for when it is absent. */
export const stringOr = (value: string) => Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)));

/** A whole number key with a default for when it is absent. */
export const intOr = (value: number, minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER) =>
  intBetween(minimum, maximum).pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)));

/** A list key, empty when absent. */
export const listOf = <A, E>(item: Schema.Codec<A, E>) =>
  Schema.Array(item).pipe(Schema.withDecodingDefaultKey(Effect.succeed<readonly E[]>([])));

const Texts = Schema.optionalKey(Schema.Array(Schema.String));

/** Name service settings of a configuration and of a result. */
export const DnsConfig = described(
  Schema.Struct({
    nameservers: Texts,
    domain: Schema.optionalKey(Schema.String),
    search: Texts,
    options: Texts,
  }),
  {
    nameservers: "addresses of name servers, in the order of preference",
    domain: "the local domain, for short host names",
    search: "domains to search short host names in, in the order of preference",
    options: "options for the resolver, as in resolv.conf",
  },
);

/** A route of a configuration: `dst` a prefix, `gw` the next hop. */
export const RouteConfig = described(
  Schema.Struct({
    dst: CidrString,
    gw: OptionalIp,
    mtu: Schema.optionalKey(Uint32),
    advmss: Schema.optionalKey(Uint32),
    priority: Schema.optionalKey(Uint32),
    table: Schema.optionalKey(Uint32),
    scope: Schema.optionalKey(intBetween(0, 255)),
  }),
  {
    dst: `the destination: ${CIDR}`,
    gw: "the next hop; the gateway of the address where it is left out",
    mtu: "MTU along the route, in bytes",
    advmss: "segment size to tell TCP peers along the route, in bytes",
    priority: "metric of the route: a lower one is preferred",
    table: "routing table to put the route in",
    scope: "scope of the route: 0 global, 253 link, 254 host",
  },
);

/** host-local's range: addresses of one subnet, with defaults for what is left out. */
export const RangeConfig = described(
  Schema.Struct({
    subnet: CidrString,
    rangeStart: OptionalIp,
    rangeEnd: OptionalIp,
    gateway: OptionalIp,
  }),
  {
    subnet: CIDR,
    rangeStart: "the first address to give out; the subnet's first where it is left out",
    rangeEnd: "the last address to give out; the subnet's last where it is left out",
    gateway: "the gateway, which is not given out; the subnet's first address where it is left out",
  },
);

/** A range set: one address is given out per set. */
export const RangeSetConfig = Schema.Array(RangeConfig);
