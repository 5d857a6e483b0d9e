/** No private key leaves by the admin API. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyConfig, type GatewayConfig } from '../contract/gateway-config.ts';
import { redactConfig } from './redact.ts';

test('private keys of certificates and of client certificates are taken out, and nothing else', () => {
  const origin = { kind: 'Secret', namespace: 'test', name: 'secret' };
  const listener = { origin, gateway: 'g', protocol: 'HTTP', addresses: [], port: 80, hostname: '' } as const;
  const config: GatewayConfig = {
    ...emptyConfig,
    listeners: {
      plain: listener,
      own: { ...listener, clientCertificate: { origin, certificate: 'crt', key: 'HIDDEN' } },
    },
    certificates: { c: { origin, certificate: 'crt', key: 'HIDDEN', names: [], notAfterMs: 0 } },
  };
  const shown = redactConfig(config);
  assert.ok(!JSON.stringify(shown).includes('HIDDEN'));
  assert.equal(shown.listeners['own']?.clientCertificate?.certificate, 'crt');
  assert.deepEqual(shown.listeners['plain'], listener);
  assert.equal(config.certificates['c']?.key, 'HIDDEN', 'the proxies still get it');
});
