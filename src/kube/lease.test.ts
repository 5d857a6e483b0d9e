/** At most one leads, whatever the network does; and soon another where one stops. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { until as untilSo } from '../../test/until.ts';
import { createKubeClient } from './client.ts';
import { accessTo, answer, startFakeCluster, type FakeApiServer } from './fake-api-server.test-support.ts';
import { LeaderElection } from './lease.ts';

const leases = '/apis/coordination.k8s.io/v1/leases';

interface Terms {
  readonly election: LeaderElection;
  /** Each time it led, from and (once it is over) to; monotonic ms. */
  readonly terms: { from: number; to?: number }[];
  readonly errors: string[];
  readonly holders: string[];
}

/** For what is tested at the end of a lease. */
const shortTimes = { durationMs: 1000, renewWithinMs: 600, retryMs: 100, releaseWithinMs: 1000 };
/** A busy machine must not let one lapse by itself. */
const longTimes = { durationMs: 90_000, renewWithinMs: 80_000, retryMs: 100, releaseWithinMs: 60_000 };

function contend(t: TestContext, server: FakeApiServer, identity: string, times = longTimes): Terms {
  const client = createKubeClient(accessTo(server.port, { headers: { 'x-contender': identity } }));
  const seen: Omit<Terms, 'election'> = { terms: [], errors: [], holders: [] };
  const election = new LeaderElection({
    client,
    namespace: 'headgate',
    name: 'controller',
    identity,
    ...times,
    onLead(signal) {
      const term: Terms['terms'][0] = { from: performance.now() };
      seen.terms.push(term);
      signal.addEventListener('abort', () => (term.to = performance.now()));
    },
    onHolder: (holder) => seen.holders.push(holder),
    onError: ({ reason }) => seen.errors.push(reason),
  });
  t.after(async () => {
    await election.close();
    await client.close();
  });
  election.start();
  return { election, ...seen };
}

const until = (condition: () => boolean): Promise<void> => untilSo(condition, String(condition));

const holderIn = (server: FakeApiServer): unknown =>
  (server.find(leases, 'headgate/controller')?.spec as { holderIdentity?: string } | undefined)?.holderIdentity;

test('the first one leads; when it ends it gives the lease up, and the second one leads at once', async (t) => {
  const { server } = await startFakeCluster(t, leases);
  const a = contend(t, server, 'a');
  await until(() => a.election.isLeader);
  const b = contend(t, server, 'b');
  await until(() => b.holders.includes('a'));
  assert.equal(b.election.isLeader, false);
  const renewals = () =>
    server.requests.filter(({ method, headers }) => method === 'PUT' && headers['x-contender'] === 'a');
  await until(() => renewals().length >= 3);
  await a.election.close();
  assert.equal(holderIn(server), '');
  // Sooner than the lease expires, which is later than the limit of all waiting.
  await until(() => b.election.isLeader);
  assert.equal(a.terms.length, 1);
  assert.ok(a.terms[0]!.to! <= b.terms[0]!.from);
  const spec = server.find(leases, 'headgate/controller')!.spec as Record<string, unknown>;
  assert.equal(spec.leaseTransitions, 1);
  assert.match(String(spec.renewTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

test('a leader that is cut off stops before another begins, and comes back as a follower', async (t) => {
  const { server } = await startFakeCluster(t, leases);
  const a = contend(t, server, 'a', shortTimes);
  await until(() => a.election.isLeader);
  const b = contend(t, server, 'b', shortTimes);
  await until(() => b.holders.includes('a'));
  // Requests of a are taken and never answered.
  const heal = server.always(({ headers }) => headers['x-contender'] === 'a');
  await until(() => b.election.isLeader);
  assert.equal(a.election.isLeader, false);
  assert.ok(a.terms[0]!.to! < b.terms[0]!.from, 'never two');
  heal();
  await until(() => a.holders.includes('b'));
  assert.ok(a.errors.includes('Timeout'));
});

test('of two who reach for a free lease at once one gets it', async (t) => {
  const { server } = await startFakeCluster(t, leases);
  const all = ['a', 'b', 'c', 'd'].map((identity) => contend(t, server, identity));
  await until(() => all.every(({ holders }) => holders.some((holder) => holder !== '')));
  assert.equal(all.filter(({ election }) => election.isLeader).length, 1);
  assert.equal(all.flatMap(({ terms }) => terms).length, 1);
});

test('a short failure of the server does not end a term; neither does a stranger who writes to the lease', async (t) => {
  const { server } = await startFakeCluster(t, leases);
  const a = contend(t, server, 'a');
  await until(() => a.election.isLeader);
  server.once((_, response) => answer(response, 500, 'InternalError'));
  await until(() => a.errors.length > 0);
  const lease = server.find(leases, 'headgate/controller')!;
  server.put(leases, { ...lease, metadata: { ...lease.metadata, labels: { a: 'b' } } });
  const before = server.requests.length;
  await until(() => server.requests.length > before + 4);
  assert.equal(a.terms.length, 1);
  assert.equal(a.terms[0]!.to, undefined);
  assert.deepEqual(server.find(leases, 'headgate/controller')!.metadata.labels, { a: 'b' });
});

test('a lease that is taken away or deleted ends the term', async (t) => {
  const { server } = await startFakeCluster(t, leases);
  const a = contend(t, server, 'a');
  await until(() => a.election.isLeader);
  const lease = server.find(leases, 'headgate/controller')!;
  server.put(leases, { ...lease, spec: { holderIdentity: 'z', leaseDurationSeconds: 1 } });
  await until(() => a.terms[0]!.to !== undefined);
  assert.equal(a.election.isLeader, false);
  // z never renews, so the lease is free a second later.
  await until(() => a.terms.length === 2);
  server.remove(leases, 'headgate/controller');
  await until(() => a.terms[1]!.to !== undefined && a.terms.length === 3);
});

test('a lease given up while its renewal is under way is given up all the same', async (t) => {
  const { server } = await startFakeCluster(t, leases);
  const a = contend(t, server, 'a');
  await until(() => a.election.isLeader);
  let closing: Promise<void> | undefined;
  server.once(({ method, body }) => {
    if (method !== 'PUT') return false;
    // It arrives, and its answer is never read.
    server.put(leases, JSON.parse(body));
    closing = a.election.close();
    return true;
  });
  await until(() => closing !== undefined);
  await closing;
  assert.equal(holderIn(server), '');
});
