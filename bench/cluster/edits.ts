/**
 * Whether edits harm traffic: `bench/cluster/run edits`. First 20 edits of a route, 200 ms apart; then 1,000 edits of routes
 * and 1,000 changes of endpoints, ten of each a second. Requests come at a steady rate all the while.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { client, create, must, objectPath, startGateway } from './cluster.ts';
import { startEcho } from './echo.ts';
import { judge, ms, printTable } from './figures.ts';
import { ask, newAgent, startLoad, wrongText, type LoadResult } from './load.ts';
import { echoAddresses, hostnameOf, route, routes, service, services, slice, slices } from './objects.ts';

const requestsPerSecond = 500;
const many = Number(process.argv[2] ?? 1000);
const at = 'edits';
const names = Array.from({ length: 10 }, (_, i) => `route-${i}`);
const echo = await startEcho();
const url = await startGateway(at, 'gateway');
for (const backend of ['one', 'two']) {
  await create(services, service(at, backend));
  await create(slices, slice(at, backend, echoAddresses.slice(0, 2)));
}
const versionOf = (name: string, number: number) =>
  route(at, name, { gateway: `${at}/gateway`, backend: number % 2 === 0 ? 'one' : 'two', version: String(number) });
for (const name of names) await create(routes, versionOf(name, 0));
const agent = newAgent(1);

/** Resolves once the route answers in that version. */
async function untilVersion(name: string, version: number): Promise<void> {
  const end = performance.now() + 10_000;
  while ((await ask(url, hostnameOf(name), agent)).version !== String(version)) {
    if (performance.now() > end) throw new Error(`version ${version} of ${name} is not live after 10 s`);
    await delay(1);
  }
}

/** Another backend and another filter. */
async function edit(name: string, number: number): Promise<void> {
  must(await client.patch(objectPath(routes, at, name), { spec: versionOf(name, number).spec }));
}

/** Other endpoints: one or two of four, never the same as before. */
async function moveEndpoints(number: number): Promise<void> {
  const backend = number % 2 === 0 ? 'one' : 'two';
  const step = Math.floor(number / 2);
  const addresses = Array.from({ length: 1 + (step % 2) }, (_, i) => echoAddresses[(step + i) % echoAddresses.length]!);
  const { endpoints } = slice(at, backend, addresses);
  must(await client.patch(objectPath(slices, at, backend), { endpoints }));
}

/** Calls `work` with 0, 1, …, so many times and so far apart, however long each takes. */
async function paced(times: number, everyMs: number, work: (number: number) => Promise<void>): Promise<void> {
  const started = performance.now();
  for (let i = 0; i < times; i++) {
    await delay(Math.max(0, started + i * everyMs - performance.now()));
    await work(i);
  }
}

const row = (name: string, result: LoadResult): string[] => [
  name,
  String(result.sent),
  wrongText(result),
  ms(result.p50Ms),
  ms(result.p99Ms),
  ms(result.maxMs),
];

for (const name of names) await untilVersion(name, 0);
let load = startLoad({ url, hosts: [hostnameOf(names[0]!)], perSecond: requestsPerSecond });
await paced(20, 200, (i) => edit(names[0]!, i + 1));
await untilVersion(names[0]!, 20);
const few = await load.stop();

load = startLoad({ url, hosts: names.map(hostnameOf), perSecond: requestsPerSecond });
await Promise.all([
  paced(many, 100, (i) => edit(names[i % names.length]!, 100 + i)),
  paced(many, 100, (i) => moveEndpoints(i)),
]);
await untilVersion(names[(many - 1) % names.length]!, 100 + many - 1);
const all = await load.stop();

console.log(`${requestsPerSecond} requests a second, each answer looked at; milliseconds\n`);
printTable(
  ['', 'requests', 'failed', 'p50', 'p99', 'max'],
  [row('20 edits of a route, 200 ms apart', few), row(`${many} edits at 10/s, ${many} endpoint changes at 10/s`, all)],
);
judge([
  ['20 edits: only 200s', few.wrong.size === 0],
  ['1,000 edits and endpoint changes: only 200s', all.wrong.size === 0],
]);
await echo.terminate();
process.exit();
