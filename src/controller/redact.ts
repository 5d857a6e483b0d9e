/** Takes secrets out of a configuration before anybody sees it. */
import type { GatewayConfig } from '../contract/gateway-config.ts';

/** The configuration as it is, but for the private keys of its certificates. */
export function redactConfig(config: GatewayConfig): GatewayConfig {
  const certificates = Object.entries(config.certificates).map(
    ([key, certificate]) => [key, { ...certificate, key: 'redacted' }] as const,
  );
  return { ...config, certificates: Object.fromEntries(certificates) };
}
