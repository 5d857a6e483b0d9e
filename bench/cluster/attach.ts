/**
 * How long many routes take to attach to one Gateway and to go, and how many status writes that makes:
 * `bench/cluster/run attach [ROUTES]`. Once with a Gateway that waits for them, once with routes that wait for their Gateway.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { client, countStatusWrites, create, forAll, gatewayStatus, must, objectPath } from './cluster.ts';
import { isProgrammed, startGateway, untilGateway, urlOf, type GatewayStatus } from './cluster.ts';
import { startEcho } from './echo.ts';
import { judge, ms, printTable } from './figures.ts';
import { ask, newAgent } from './load.ts';
import {
  echoAddresses,
  gateway,
  gateways,
  hostnameOf,
  route,
  routes,
  service,
  services,
  slice,
  slices,
} from './objects.ts';

const count = Number(process.argv[2] ?? 1000);
const at = 'attach';
const names = Array.from({ length: count }, (_, i) => `route-${i}`);
const isAttached = (status: GatewayStatus) => isProgrammed(status) && status.listeners?.[0]?.attachedRoutes === count;
const isEmpty = (status: GatewayStatus) => status.listeners?.[0]?.attachedRoutes === 0;
const agent = newAgent(1);
const path = objectPath(gateways, at, 'gateway');

const createRoutes = () =>
  forAll(names, 32, (name) => create(routes, route(at, name, { gateway: `${at}/gateway`, backend: 'echo' })));

const deleteRoutes = () => forAll(names, 32, async (name) => must(await client.delete(objectPath(routes, at, name))));

async function untilStatus(status: number, url: URL): Promise<number> {
  const started = performance.now();
  while ((await ask(url, hostnameOf(names.at(-1)!), agent)).status !== status) await delay(2);
  return performance.now() - started;
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await work();
  return performance.now() - started;
};

/** Until no write has come for a second. */
async function untilQuiet(total: () => number): Promise<void> {
  for (let before = -1; before !== total();) {
    before = total();
    await delay(1000);
  }
}

const echo = await startEcho();
const url = await startGateway(at, 'gateway');
await create(services, service(at, 'echo'));
await create(slices, slice(at, 'echo', echoAddresses.slice(0, 1)));
const [gatewayWrites, routeWrites] = [await countStatusWrites(gateways), await countStatusWrites(routes)];
const rows: string[][] = [];
const add = (what: string, value: number) => void rows.push([what, ms(value)]);

const created = await timed(createRoutes);
add(`the API server takes ${count} new routes`, created);
const attached = await untilGateway([at, 'gateway'], isAttached);
add('  then: attachedRoutes is right, Programmed', attached);
add('  the last route serves, after that', await untilStatus(200, url));
await untilQuiet(() => gatewayWrites.total() + routeWrites.total());
const ofGateway = gatewayWrites.total();
const mostOfRoute = Math.max(...names.map((name) => routeWrites.byObject.get(`${at}/${name}`) ?? 0));
const ofRoutes = routeWrites.total();

must(await client.delete(path));
const closed = await untilStatus(0, url);
add(`the Gateway is deleted: its port is closed`, closed);
const again = await timed(async () => {
  await create(gateways, gateway(at, 'gateway'));
  await untilGateway([at, 'gateway'], isAttached);
});
add(`a Gateway is created for ${count} routes that wait: attached, Programmed`, again);
const urlAgain = urlOf(await gatewayStatus(at, 'gateway'));
add('  the last route serves, after that', await untilStatus(200, urlAgain));
add(`the API server deletes ${count} routes`, await timed(deleteRoutes));
const empty = await untilGateway([at, 'gateway'], isEmpty);
add('  then: attachedRoutes is 0', empty);
add('  the last route is gone, after that', await untilStatus(404, urlAgain));

console.log(`${count} routes on one Gateway; milliseconds\n`);
printTable(['', 'ms'], rows);
console.log(
  `\nstatus writes while they were created: ${ofGateway} of the Gateway, ${ofRoutes} of ${count} routes, at most ${mostOfRoute} of one`,
);
judge([
  ['attached and Programmed at most 2 s after the last creation', attached <= 2000],
  ['attached and Programmed at most 2 s after the Gateway is created', again <= 2000],
  ['torn down at most 2 s after the last deletion', empty <= 2000 && closed <= 2000],
  ['at most 50 writes of the Gateway', ofGateway <= 50],
  ['one write a route', mostOfRoute === 1 && ofRoutes === count],
]);
await echo.terminate();
process.exit();
