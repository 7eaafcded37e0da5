/** The types of the calls between plugin and daemon as Go's net/rpc defines them in the stream, with its names and numbers. */
import type { GobSlice, GobStruct } from "./gob/encode.ts";

/** The head of a call. */
export const REQUEST: GobStruct = { id: 65, name: "Request", fields: [["ServiceMethod", "string"], ["Seq", "uint"]] };

/** The head of an answer. */
export const RESPONSE: GobStruct = {
  id: 65,
  name: "Response",
  fields: [["ServiceMethod", "string"], ["Seq", "uint"], ["Error", "string"]],
};

/** What every call tells. */
export const ARGS: GobStruct = {
  id: 66,
  name: "CmdArgs",
  fields: [
    ["ContainerID", "string"],
    ["Netns", "string"],
    ["IfName", "string"],
    ["Args", "string"],
    ["Path", "string"],
    ["NetnsOverride", "string"],
    ["StdinData", "bytes"],
  ],
};

const STRINGS: GobSlice = { id: 75, name: "[]string", of: "string" };
const IP_NET: GobStruct = { id: 70, name: "IPNet", fields: [["IP", "bytes"], ["Mask", "bytes"]] };
/** Types that Go reaches by a pointer have no name in the stream. */
const INTERFACE: GobStruct = {
  id: 67,
  name: "",
  fields: [
    ["Name", "string"],
    ["Mac", "string"],
    ["Mtu", "int"],
    ["Sandbox", "string"],
    ["SocketPath", "string"],
    ["PciID", "string"],
  ],
};
const IP_CONFIG: GobStruct = {
  id: 69,
  name: "",
  fields: [["Interface", "int"], ["Address", IP_NET], ["Gateway", "bytes"]],
};
const ROUTE: GobStruct = {
  id: 72,
  name: "",
  fields: [
    ["Dst", IP_NET],
    ["GW", "bytes"],
    ["MTU", "int"],
    ["AdvMSS", "int"],
    ["Priority", "int"],
    ["Table", "int"],
    ["Scope", "int"],
  ],
};
const DNS: GobStruct = {
  id: 74,
  name: "DNS",
  fields: [["Nameservers", STRINGS], ["Domain", "string"], ["Search", STRINGS], ["Options", STRINGS]],
};

/** What `Allocate` answers: Go's result of version 1.0.0, in the order of its fields. */
export const RESULT: GobStruct = {
  id: 66,
  name: "Result",
  fields: [
    ["CNIVersion", "string"],
    ["Interfaces", { id: 68, name: "[]*types100.Interface", of: INTERFACE }],
    ["IPs", { id: 71, name: "[]*types100.IPConfig", of: IP_CONFIG }],
    ["Routes", { id: 73, name: "[]*types.Route", of: ROUTE }],
    ["DNS", DNS],
  ],
};

/** What goes with an error, and what `Release` answers. */
export const EMPTY: GobStruct = { id: 76, name: "", fields: [] };

const HELD: GobStruct = {
  id: 78,
  name: "Lease",
  fields: [["ContainerID", "string"], ["IfName", "string"], ["Address", "string"]],
};

/** What `Leases` answers. */
export const LEASES: GobStruct = {
  id: 77,
  name: "Leases",
  fields: [["Leases", { id: 79, name: "[]Lease", of: HELD }]],
};
