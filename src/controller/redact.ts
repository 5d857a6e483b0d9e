/** Takes secrets out of a configuration before anybody sees it. */
import type { GatewayConfig } from '../contract/gateway-config.ts';

/** The configuration as it is, but for the private keys. */
export function redactConfig(config: GatewayConfig): GatewayConfig {
  const certificates = Object.entries(config.certificates).map(
    ([key, certificate]) => [key, { ...certificate, key: 'redacted' }] as const,
  );
  const listeners = Object.entries(config.listeners).map(([key, { clientCertificate: own, ...listener }]) => {
    return [key, own ? { ...listener, clientCertificate: { ...own, key: 'redacted' } } : listener] as const;
  });
  return { ...config, listeners: Object.fromEntries(listeners), certificates: Object.fromEntries(certificates) };
}
