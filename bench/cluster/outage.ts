/**
 * What is lost when the API server, the controller or one of two proxies goes under load: `bench/cluster/run outage [SECONDS]`.
 * The API server comes back after so many seconds; an edit then tells when all is as before. The controller comes back at once.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { client, create, must, objectPath, startGateway } from './cluster.ts';
import { startEcho } from './echo.ts';
import { controllerPid, controllerPidFile, judge, ms, printTable } from './figures.ts';
import { ask, newAgent, startLoad, wrongText, type LoadResult } from './load.ts';
import { echoAddresses, gateways, hostnameOf, route, routes, service, services, slice, slices } from './objects.ts';

const awaySeconds = Number(process.argv[2] ?? 60);
const requestsPerSecond = 500;
const at = 'outage';
const names = Array.from({ length: 100 }, (_, i) => `route-${i}`);
const hosts = names.map(hostnameOf);
const testbedHome = process.env.TESTBED_HOME ?? join(homedir(), '.cache/gateway-testbed');
const agent = newAgent(1);

interface Command {
  readonly pid: number;
  readonly args: readonly string[];
}

function commandOf(pid: number): Command {
  return { pid, args: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1) };
}

/** A new process of the same command, in the cgroups of the old one, whose paths are read while it lives. */
function restarter({ pid, args }: Command, log: string): () => number {
  const groups = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, mount, type] = line.split(' ');
      return type === 'cgroup' || type === 'cgroup2' ? [`${mount}/gateway-testbed/system/cgroup.procs`] : [];
    });
  const isGrouped = readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes('/gateway-testbed');
  return () => {
    const output = openSync(log, 'a');
    const child = spawn(args[0]!, args.slice(1), { detached: true, stdio: ['ignore', output, output] });
    if (isGrouped) for (const file of groups) appendFileSync(file, String(child.pid));
    child.unref();
    return child.pid!;
  };
}

/** Milliseconds until the answer is there. */
async function until(isTrue: () => Promise<boolean>, what: string): Promise<number> {
  const started = performance.now();
  while (!(await isTrue())) {
    if (performance.now() - started > 60_000) throw new Error(`${what}: not after 60 s`);
    await delay(5);
  }
  return performance.now() - started;
}

/** The version of every object whose status is ours to write. */
async function objectVersions(): Promise<Map<string, string>> {
  const lists = await Promise.all([gateways, routes].map((path) => client.list({ ...path, namespace: at })));
  return new Map(
    lists.flatMap((list) =>
      (must(list).items as { metadata: { uid: string; resourceVersion: string } }[]).map(
        ({ metadata: { uid, resourceVersion } }) => [uid, resourceVersion] as const,
      ),
    ),
  );
}

const versionOf = (version: string) => route(at, names[0]!, { gateway: `${at}/gateway`, backend: 'echo', version });

async function editIsLive(url: URL, version: string): Promise<number> {
  must(await client.patch(objectPath(routes, at, names[0]!), { spec: versionOf(version).spec }));
  return until(async () => (await ask(url, hosts[0]!, agent)).version === version, 'an edit is live');
}

/** Each carries traffic on the same ports, so that one may go. */
function startProxy(channel: string, admin: string): ChildProcess {
  const launcher = join(import.meta.dirname, '../../bin/headgate');
  const output = openSync(process.env.HEADGATE_LOG!, 'a');
  const args = [
    'proxy',
    '--channel',
    channel,
    '--ports',
    'shared',
    '--workers',
    '1',
    '--admin',
    admin,
    '--grace',
    '5s',
  ];
  return spawn(launcher, args, { stdio: ['ignore', output, output] });
}

const row = (what: string, result: LoadResult): string[] => [
  what,
  String(result.sent),
  wrongText(result),
  ms(result.maxMs),
];

const { args: flags } = commandOf(controllerPid());
const channel = flags[flags.lastIndexOf('--channel') + 1]!;
const proxies = ['127.0.0.1:19001', '127.0.0.1:19002'].map((admin) => startProxy(channel, admin));
process.on('exit', () => proxies.forEach((proxy) => proxy.kill()));
const echo = await startEcho();
const url = await startGateway(at, 'gateway');
await create(services, service(at, 'echo'));
await create(slices, slice(at, 'echo', echoAddresses.slice(0, 2)));
for (const name of names) await create(routes, route(at, name, { gateway: `${at}/gateway`, backend: 'echo' }));
for (const host of hosts) await until(async () => (await ask(url, host, agent)).status === 200, `${host} serves`);
await delay(3000);

const pidFile = join(testbedHome, 'run/kube-apiserver.pid');
const server = commandOf(Number(readFileSync(pidFile, 'utf8')));
const restartServer = restarter(server, join(testbedHome, 'log/kube-apiserver.log'));
const before = await objectVersions();
let load = startLoad({ url, hosts, perSecond: requestsPerSecond });
await delay(2000);
process.kill(server.pid, 'SIGKILL');
await delay(awaySeconds * 1000);
writeFileSync(pidFile, `${restartServer()}\n`);
const start = await until(
  async () => !(await client.getPath('/apis/gateway.networking.k8s.io/v1')).error,
  'the API server serves',
);
const converged = await editIsLive(url, 'back');
await delay(10_000);
const ofServer = await load.stop();
const after = await objectVersions();
const written = [...after].filter(([uid, version]) => before.get(uid) !== version).length;

const gone = controllerPid();
const restartController = restarter(commandOf(gone), process.env.HEADGATE_LOG!);
load = startLoad({ url, hosts, perSecond: requestsPerSecond });
await delay(2000);
process.kill(gone, 'SIGKILL');
writeFileSync(controllerPidFile(), `${restartController()}\n`);
const followed = await editIsLive(url, 'restarted');
await delay(5000);
const ofController = await load.stop();

load = startLoad({ url, hosts, perSecond: requestsPerSecond });
await delay(2000);
proxies[0]!.kill('SIGTERM');
await once(proxies[0]!, 'exit');
await delay(2000);
const ofProxy = await load.stop();

console.log(`${requestsPerSecond} requests a second to ${names.length} routes, through two proxies that share ports\n`);
printTable(
  ['', 'requests', 'lost', 'longest ms'],
  [
    row(`API server killed, ${awaySeconds} s away`, ofServer),
    row('controller killed, started at once', ofController),
    row('one proxy told to end', ofProxy),
  ],
);
console.log(`\nthe API server: serves ${ms(start)} ms after its start; an edit then live after ${ms(converged)} ms`);
console.log(`objects written in the ten seconds after that: ${written} of ${after.size} (the edited route is one)`);
console.log(`the controller: an edit made when it was killed is live after ${ms(followed)} ms`);
judge([
  ['API server killed: no request lost', ofServer.wrong.size === 0],
  ['converged within 10 s', converged <= 10_000],
  ['no storm of writes: at most the edited route and its Gateway', written <= 2],
  ['controller killed: no request lost', ofController.wrong.size === 0],
]);
await echo.terminate();
process.exit();
