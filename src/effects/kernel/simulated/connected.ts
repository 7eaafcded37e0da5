/** Routes that addresses bring along. */
import { BY_KERNEL, IPV6_ADDRESS_METRIC, SCOPE_LINK } from "../../../spec/routing.ts";
import { canonicalPrefix } from "../same.ts";
import { type SimAddress, type SimLink, tableOf } from "./state.ts";

const networkOf = ({ ip, prefix }: SimAddress): string => canonicalPrefix(`${ip}/${prefix}`);

/** Whether two addresses lie in the same network: the same prefix, of the same length. */
export const sameNetwork = (a: SimAddress, b: SimAddress): boolean =>
  a.family === b.family && networkOf(a) === networkOf(b);

/** Of the IPv4 addresses in one network, the first is primary and has the route; the others are secondary. */
export const isSecondary = (link: SimLink, address: SimAddress): boolean => {
  if (address.family === 6) return false;
  return link.addresses.find((other) => sameNetwork(other, address)) !== address;
};

/** Whether an address brings a unicast route: all but IPv4 host addresses and those of lo. */
const bringsRoute = (link: SimLink, address: SimAddress): boolean =>
  link.name !== "lo" && !address.noPrefixRoute && (address.family === 6 || address.prefix < 32) &&
  !isSecondary(link, address);

/** Adds the route to an address's network when the link is up. */
export const connect = (link: SimLink, address: SimAddress): void => {
  if (!link.up || !bringsRoute(link, address)) return;
  const dst = networkOf(address);
  const { routes } = link.netns;
  const table = tableOf(link);
  if (routes.some((route) => route.connected && route.link === link && route.dst === dst && route.table === table)) {
    return;
  }
  const [metric, scope] = address.family === 6 ? [IPV6_ADDRESS_METRIC, 0] : [0, SCOPE_LINK];
  routes.push({
    family: address.family,
    dst,
    gw: null,
    link,
    metric,
    scope,
    table,
    mtu: null,
    advmss: null,
    src: null,
    connected: true,
    protocol: BY_KERNEL,
  });
};

/** Removes the route to the network of an address that is gone, unless another address of the link is in that network. */
export const disconnect = (link: SimLink, address: SimAddress): void => {
  const dst = networkOf(address);
  if (link.addresses.some((other) => sameNetwork(other, address))) return;
  link.netns.routes = link.netns.routes.filter((route) =>
    !(route.connected && route.link === link && route.dst === dst)
  );
};
