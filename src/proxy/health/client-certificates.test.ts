/** Which backends are shown a client certificate: those that a Gateway with one leads to, by whatever way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyConfig, type GatewayConfig, type ListenerConfig } from '../../contract/gateway-config.ts';
import { createCertificateOf } from './client-certificates.ts';

const origin = { kind: 'Gateway', namespace: 'n', name: 'g' };
const certificate = (name: string) => ({ origin, certificate: name, key: 'key' });
const listener = (client?: string, filters: string[] = []): ListenerConfig => ({
  origin,
  gateway: 'g',
  protocol: 'HTTP',
  addresses: [],
  port: 80,
  hostname: '',
  filters,
  ...(client && { clientCertificate: certificate(client) }),
});
const rule = (backends: string[], filters: string[] = []) => ({
  route: 'r',
  origin,
  filters,
  backends: backends.map((backend) => ({ backend, weight: 1, filters: [] })),
});
const table = (of: string, ...rules: string[]) => ({
  listener: of,
  hostname: '',
  own: '',
  path: { type: 'PathPrefix', value: '/' } as const,
  matches: rules.map((name, order) => ({ rule: name, order })),
});

const config: GatewayConfig = {
  ...emptyConfig,
  listeners: { plain: listener(), first: listener('one', ['auth']), second: listener('two') },
  paths: { a: table('plain', 'open'), b: table('first', 'shop', 'open'), c: table('second', 'shop', 'cart') },
  connections: { d: { listener: 'second', hostname: '', rule: 'bytes' } },
  rules: { open: rule([]), shop: rule(['shop'], ['mirror']), cart: rule(['cart']), bytes: rule(['bytes']) },
  filters: {
    mirror: { type: 'RequestMirror', config: { backend: 'copies' } },
    auth: { type: 'ExternalAuth', config: { backend: 'judge' } },
  },
};

test('each backend is shown the certificate of the first listener that leads to it', () => {
  const of = createCertificateOf(() => config);
  const shown = ['shop', 'copies', 'judge', 'cart', 'bytes', 'elsewhere'].map((backend) => of(backend)?.certificate);
  assert.deepEqual(shown, ['one', 'one', 'one', 'two', 'two', undefined]);
});

test('a new configuration counts from the next question on', () => {
  let current = config;
  const of = createCertificateOf(() => current);
  assert.equal(of('cart')?.certificate, 'two');
  current = { ...config, listeners: { ...config.listeners, second: listener('renewed') } };
  assert.equal(of('cart')?.certificate, 'renewed');
  current = { ...config, listeners: {} };
  assert.equal(of('cart'), undefined);
});
