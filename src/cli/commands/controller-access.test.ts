/** The controller asks its API server for nothing that deploy/base/access.yaml does not allow, and needs all that it allows. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadAll } from 'js-yaml';
import { freePort } from '../../../test/headgate.ts';
import { until } from '../../../test/until.ts';
import type { FakeRequest } from '../../kube/fake-api-server.test-support.ts';
import { kinds } from '../../model/kinds.ts';
import {
  classes,
  gateway,
  gateways,
  ourClass,
  putBackend,
  putRoute,
  startController,
  startServer,
  untilReason,
} from './controller.test-support.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const accessFile = join(import.meta.dirname, '../../../deploy/base/access.yaml');

/** `verb group/resource`, one by one. */
function granted(): ReadonlySet<string> {
  const rules = (loadAll(readFileSync(accessFile, 'utf8')) as readonly { readonly rules?: readonly Rule[] }[]).flatMap(
    (document) => document.rules ?? [],
  );
  return new Set(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    ),
  );
}

/** What an API server asks its authorizer about a request. Creating by server-side apply takes two verbs. */
function asked({ method, path, query, headers }: FakeRequest): readonly string[] {
  const match = /^\/(?:api|apis\/([^/]+))\/[^/]+(?:\/namespaces\/[^/]+)?\/([^/]+)(?:\/([^/]+))?(\/status)?$/.exec(path);
  assert.ok(match, path);
  const [, group = '', plural, name, subresource = ''] = match;
  const isApply = headers['content-type']?.includes('apply-patch') === true;
  const verbs: Readonly<Record<string, readonly string[]>> = {
    GET: [name !== undefined ? 'get' : query.get('watch') === 'true' ? 'watch' : 'list'],
    POST: ['create'],
    PUT: ['update'],
    PATCH: isApply ? ['patch', 'create'] : ['patch'],
    DELETE: ['delete'],
  };
  return verbs[method]!.map((verb) => `${verb} ${group}/${plural}${subresource}`);
}

test('every request of a life with Gateways, Secrets and a lease is allowed, and every right is used', async (t) => {
  const rights = granted();
  const allows = (right: string) => rights.has(right) || rights.has(right.replace(/\/.*/, '/*'));
  const server = await startServer(t);
  // Half of the API servers in use cannot stream lists.
  server.isStreamingLists = false;
  const port = await freePort();
  server.put(classes, ourClass);
  server.put(gateways, gateway('one', port, { type: 'IPAddress', value: '127.99.0.3' }));
  const names = { secretName: 'certificate', configMap: 'ca' };
  server.put('/api/v1/secrets', { metadata: { name: names.secretName, namespace: 'n' }, type: 'kubernetes.io/tls' });
  server.put('/api/v1/configmaps', { metadata: { name: names.configMap, namespace: 'n' } });
  const tls = { certificateRefs: [{ kind: 'Secret', name: names.secretName }] };
  const validation = { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: names.configMap }] };
  const plain = gateway('two', port);
  server.put(gateways, {
    ...plain,
    spec: {
      gatewayClassName: 'headgate',
      listeners: [{ name: 'https', port, protocol: 'HTTPS', tls }],
      tls: { frontend: { default: { validation } } },
    },
  });
  putBackend(server, 'one', 1);
  putRoute(server, 'one', 'one');
  const { stop } = await startController(t, server);
  await untilReason(server, 'n/one', 'Programmed');
  const find = () => server.find('/api/v1/services', 'n/one-headgate');
  await until(() => find() !== undefined, 'the Gateway has its Service');
  server.remove(gateways, 'n/one');
  await until(() => find() === undefined, 'the Service is gone');
  await stop();
  const used = new Set(server.requests.flatMap(asked));
  assert.deepEqual(
    [...used].filter((right) => !allows(right)),
    [],
  );
  assert.ok(used.has('get /secrets') && used.has('get /configmaps'));

  const known = kinds.flatMap(({ group, plural, hasStatus }) => [
    `list ${group}/${plural}`,
    `watch ${group}/${plural}`,
    ...(hasStatus ? [`patch ${group}/${plural}/status`] : []),
  ]);
  assert.deepEqual(
    known.filter((right) => !allows(right)),
    [],
    'whatever kind comes to be',
  );
  // The addresses of this test are those of the loopback, which slices cannot have.
  const slices = ['get', 'create', 'patch', 'delete'].map((verb) => `${verb} discovery.k8s.io/endpointslices`);
  const needed = new Set([...used, ...known, ...slices, 'list headgate.dev/*', 'watch headgate.dev/*']);
  assert.deepEqual(
    [...rights].filter((right) => !needed.has(right)),
    [],
  );
});
