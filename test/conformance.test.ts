/** What conformance/run makes of a report, and what conformance/on-testbed says where there is no test bed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { gapsOf, readReport, totalsOf } from '../conformance/report.ts';

const report = readReport(`
gatewayAPIVersion: v1.7.0
gatewayAPIChannel: standard
profiles:
- name: GATEWAY-TLS
  core: { result: failure, statistics: { Failed: 1, Passed: 20, Skipped: 0 }, failedTests: [TLSRouteSimpleSameNamespace] }
- name: GATEWAY-HTTP
  core: { result: partial, statistics: { Failed: 0, Passed: 39, Skipped: 1 }, skippedTests: [HTTPRouteWeight] }
  extended:
    result: success
    statistics: { Failed: 0, Passed: 63, Skipped: 0 }
    unsupportedFeatures: [HTTPRouteCORS, ListenerSet]
`);

test('a report comes to a line a profile, sorted', () => {
  assert.deepEqual(totalsOf(report).split('\n'), [
    'Gateway API v1.7.0, standard channel',
    '  GATEWAY-HTTP core: 39 passed, 0 failed, 1 skipped; extended: 63 passed, 0 failed, 0 skipped; unsupported features: 2',
    '  GATEWAY-TLS  core: 20 passed, 1 failed, 0 skipped',
  ]);
});

test('what a report lacks is named', () => {
  const { wrong, missing } = gapsOf(report, 'standard');
  assert.deepEqual(wrong, []);
  assert.deepEqual(missing, [
    'GATEWAY-HTTP skips HTTPRouteWeight',
    'GATEWAY-HTTP does not support HTTPRouteCORS, ListenerSet',
  ]);
});

test('another channel than the one asked for, and a report of nothing, are wrong', () => {
  assert.match(gapsOf(report, 'experimental').wrong.join('\n'), /of the standard channel, not of the experimental one/);
  assert.match(gapsOf({ ...report, profiles: undefined }).wrong.join('\n'), /no profile/);
});

test('without a test bed the way out is named', () => {
  const { status, stderr } = spawnSync(join(import.meta.dirname, '../conformance/on-testbed'), {
    env: { ...process.env, HEADGATE_TESTBED: '/nowhere' },
    encoding: 'utf8',
  });
  assert.equal(status, 1);
  assert.match(
    stderr,
    /no test bed at \/nowhere \(HEADGATE_TESTBED names another\); conformance\/run takes any cluster/,
  );
});
