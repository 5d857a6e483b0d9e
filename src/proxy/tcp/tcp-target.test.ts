/** How endpoints are connected to: TLS only where a backend asks for it, and never around what is TLS already. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackendConfig, ListenerConfig } from '../../contract/gateway-config.ts';
import { targetOf } from './tcp-target.ts';

const origin = { kind: 'Service', namespace: 'n', name: 's' };
const endpoint = { address: '10.0.0.1', port: 9000, ready: true, serving: true, terminating: false };

function backend(protocol: BackendConfig['protocol']): BackendConfig {
  const tls = { serverName: 'abc.example.com' };
  return {
    origin,
    port: 443,
    protocol,
    loadBalancing: { type: 'LeastRequest' },
    ...(protocol === 'tcp-tls' && { tls }),
  };
}

function listener(mode: 'Terminate' | 'Passthrough'): ListenerConfig {
  const tls = { mode, certificates: [] };
  return { origin, gateway: 'g', protocol: 'TLS', addresses: [], port: 443, hostname: '', tls };
}

test('bytes go on in the clear, or over TLS by the name that the policy has', () => {
  assert.equal(targetOf(backend('tcp'), endpoint, listener('Terminate')).tls, undefined);
  assert.equal(targetOf(backend('tcp-tls'), endpoint, listener('Terminate')).tls?.serverName, 'abc.example.com');
});

test('what passes through is not wrapped again', () => {
  assert.deepEqual(targetOf(backend('tcp-tls'), endpoint, listener('Passthrough')), { host: '10.0.0.1', port: 9000 });
});
