/**
 * How long a route takes from its creation to the first answer that comes through it: `bench/cluster/run propagation [ROUTES]`.
 * Routes are created one after another, each once the one before it is live; each is asked for from the moment that its
 * creation is sent, each millisecond, on connections that are spread over the workers.
 */
import { countStatusWrites, create, startGateway, untilGateway } from './cluster.ts';
import { startEcho } from './echo.ts';
import { judge, ms, printTable } from './figures.ts';
import { quantile } from './load.ts';
import { echoAddresses, gateways, hostnameOf, route, routes, service, services, slice, slices } from './objects.ts';
import { createPoller, type Poller } from './poller.ts';

const count = Number(process.argv[2] ?? 3000);
const window = Math.min(500, Math.floor(count / 2));
/** As the API server sees it: longer than this and the route is lost. */
const limitMs = 30_000;
const at = 'propagation';

interface Sample {
  /** From the answer of the API server to the first 200; 0 where that came sooner. */
  readonly afterCreatedMs: number;
  /** From the request to the API server. */
  readonly afterSentMs: number;
  /** The same until every connection had a 200. */
  readonly everywhereMs: number;
}

const wrong = new Map<string, number>();

interface Times {
  readonly firstAt: number;
  readonly everywhereAt: number;
}

/**
 * Resolves with the times of the first 200 and of the last connection's first 200; until then 404 is right. A question a
 * millisecond, to the connections in turn; once one had a 200, to all the others. One that does not answer holds up none.
 */
function firstAnswers(host: string, pollers: readonly Poller[]): Promise<Times> {
  const started = performance.now();
  const open = new Set(pollers);
  const idle = new Set(pollers);
  let firstAt = 0;
  return new Promise((resolve, reject) => {
    const ask = async (poller: Poller): Promise<void> => {
      idle.delete(poller);
      const { status, error } = await poller.ask(host);
      const now = performance.now();
      // Goes to the end: its turn has been.
      idle.add(poller);
      if (status === 200) {
        firstAt ||= now;
        open.delete(poller);
        if (open.size === 0) end(() => resolve({ firstAt, everywhereAt: now }));
      } else if (status !== 404) {
        const what = error ?? `status ${status}`;
        wrong.set(what, (wrong.get(what) ?? 0) + 1);
      }
    };
    const timer = setInterval(() => {
      const next = [...idle].filter((poller) => open.has(poller));
      for (const poller of firstAt ? next : next.slice(0, 1)) void ask(poller);
      if (performance.now() - started > limitMs)
        end(() => reject(new Error(`${host} is not live after ${limitMs} ms`)));
    }, 1);
    const end = (say: () => void): void => {
      clearInterval(timer);
      say();
    };
  });
}

async function measure(name: string, pollers: readonly Poller[]): Promise<Sample> {
  const sent = performance.now();
  const answers = firstAnswers(hostnameOf(name), pollers);
  await create(routes, route(at, name, { gateway: `${at}/gateway`, backend: 'echo' }));
  const created = performance.now();
  const { firstAt, everywhereAt } = await answers;
  return {
    afterCreatedMs: Math.max(0, firstAt - created),
    afterSentMs: firstAt - sent,
    everywhereMs: Math.max(0, everywhereAt - created),
  };
}

const echo = await startEcho();
const url = await startGateway(at, 'gateway');
await create(services, service(at, 'echo'));
await create(slices, slice(at, 'echo', echoAddresses.slice(0, 1)));
const [gatewayWrites, routeWrites] = [await countStatusWrites(gateways), await countStatusWrites(routes)];
// The kernel spreads them over the workers.
const pollers = Array.from({ length: 4 }, () => createPoller(url));
const started = performance.now();
const samples: Sample[] = [];
for (let i = 0; i < count; i++) samples.push(await measure(`route-${i}`, pollers));
const seconds = (performance.now() - started) / 1000;
await untilGateway([at, 'gateway'], ({ listeners }) => listeners?.[0]?.attachedRoutes === count);

const row = (name: string, part: readonly Sample[], field: keyof Sample): string[] => {
  const values = part.map((sample) => sample[field]);
  return [name, ...[0.5, 0.99, 1].map((q) => ms(quantile(values, q)))];
};
const [early, late] = [samples.slice(0, window), samples.slice(-window)];
console.log(`${count} routes, one after another, in ${seconds.toFixed(0)} s; milliseconds to the first 200\n`);
printTable(
  ['', 'p50', 'p99', 'max'],
  [
    row('from the answer of the API server', samples, 'afterCreatedMs'),
    row(`  first ${window}`, early, 'afterCreatedMs'),
    row(`  last ${window}`, late, 'afterCreatedMs'),
    row('  on all of four connections', samples, 'everywhereMs'),
    row('from the request to the API server', samples, 'afterSentMs'),
  ],
);
const mistakes = [...wrong].map(([what, times]) => `${times} × ${what}`).join(', ') || 'none';
console.log(`\nanswers that were neither 404 nor 200: ${mistakes}`);
console.log(`status writes: ${gatewayWrites.total()} of the Gateway, ${routeWrites.total()} of the routes`);
const p50 = (part: readonly Sample[]) =>
  quantile(
    part.map(({ afterCreatedMs }) => afterCreatedMs),
    0.5,
  );
const p99 = quantile(
  samples.map(({ afterCreatedMs }) => afterCreatedMs),
  0.99,
);
judge([
  ['p50 at most 10 ms', p50(samples) <= 10],
  ['p99 at most 30 ms', p99 <= 30],
  ['nothing but 404 and 200', wrong.size === 0],
  [
    'flat: p50 of the last at most 1.5 × that of the first, or 2 ms more',
    p50(late) <= Math.max(p50(early) * 1.5, p50(early) + 2),
  ],
]);
await echo.terminate();
process.exit();
