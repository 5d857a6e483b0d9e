/**
 * What controller and proxy together take while a large cluster lives: `bench/cluster/run churn [SECONDS]`. 50 namespaces of
 * 100 routes, each with its own Service and EndpointSlice; then so many seconds of changes: ten endpoint changes, one edit of
 * a route, and one route in ten seconds that goes and comes back.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { client, create, forAll, must, objectPath, startGateway, untilGateway } from './cluster.ts';
import { startEcho } from './echo.ts';
import { controllerPid, cpuSeconds, judge, printTable, residentMib } from './figures.ts';
import { ask, newAgent } from './load.ts';
import { echoAddresses, hostnameOf, namespace, namespaces, route, routes } from './objects.ts';
import { service, services, slice, slices } from './objects.ts';

const seconds = Number(process.argv[2] ?? 120);
const spaces = Array.from({ length: 50 }, (_, i) => `churn-${i}`);
const perSpace = 100;
const at = 'churn';
const pid = controllerPid();
const pick = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)]!;
const all = spaces.flatMap((space) => Array.from({ length: perSpace }, (_, i) => ({ space, name: `${space}-${i}` })));

interface Look {
  readonly what: string;
  readonly residentMib: number;
  /** Since the look before; seconds of processor time by seconds. */
  readonly cores: number;
}

let last = { at: performance.now(), cpu: cpuSeconds(pid) };

function look(what: string): Look {
  const now = { at: performance.now(), cpu: cpuSeconds(pid) };
  const cores = (now.cpu - last.cpu) / ((now.at - last.at) / 1000);
  last = now;
  return { what, residentMib: residentMib(pid), cores };
}

const versionOf = (space: string, name: string, version: string) =>
  route(space, name, { gateway: `${at}/gateway`, backend: name, version });

async function populate(): Promise<void> {
  await forAll(spaces, 16, (space) => create(namespaces, namespace(space)));
  await forAll(all, 16, async ({ space, name }) => {
    await create(services, service(space, name));
    await create(slices, slice(space, name, echoAddresses.slice(0, 2)));
    await create(routes, versionOf(space, name, '0'));
  });
  await untilGateway([at, 'gateway'], ({ listeners }) => listeners?.[0]?.attachedRoutes === all.length);
}

/** A second of it; whatever time is left of the second is waited for. */
async function second(number: number): Promise<void> {
  const ends = performance.now() + 1000;
  for (let i = 0; i < 10; i++) {
    const { space, name } = pick(all);
    const { endpoints } = slice(space, name, [pick(echoAddresses)]);
    must(await client.patch(objectPath(slices, space, name), { endpoints }));
    await delay(60);
  }
  const { space, name } = pick(all);
  const path = objectPath(routes, space, name);
  if (number % 10 === 9) {
    must(await client.delete(path));
    await create(routes, versionOf(space, name, '1'));
  } else must(await client.patch(path, { spec: versionOf(space, name, String(number)).spec }));
  await delay(Math.max(0, ends - performance.now()));
}

const echo = await startEcho();
const url = await startGateway(at, 'gateway');
const looks = [look('with one Gateway, empty')];
await populate();
looks.push(look(`while ${all.length} routes, Services and EndpointSlices were created`));
await delay(10_000);
looks.push(look('10 s of peace'));
const steps = 4;
for (let step = 0; step < steps; step++) {
  for (let i = 0; i < seconds / steps; i++) await second(i);
  looks.push(look(`${seconds / steps} s of churn`));
}
const agent = newAgent(1);
const sample = Array.from({ length: 200 }, () => pick(all));
let served = 0;
for (const { name } of sample) if ((await ask(url, hostnameOf(name), agent)).status === 200) served++;

console.log('controller and proxy, one process\n');
printTable(
  ['', 'RSS MiB', 'cores'],
  looks.map(({ what, residentMib: mib, cores }) => [what, mib.toFixed(0), cores.toFixed(3)]),
);
console.log(`\n${served} of ${sample.length} routes picked by chance serve`);
const churned = looks.slice(-steps);
judge([
  ['at most 400 MiB', churned.every(({ residentMib: mib }) => mib <= 400)],
  ['at most 0.2 core on average', churned.reduce((sum, { cores }) => sum + cores, 0) / steps <= 0.2],
  ['all serve', served === sample.length],
]);
await echo.terminate();
process.exit();
