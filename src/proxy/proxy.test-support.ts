/** A whole proxy on loopback that reports nothing, and a configuration with one route for everything. */
import { emptyConfig, type BackendConfig, type GatewayConfig } from '../contract/gateway-config.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { createObserver } from './observe/observer.ts';
import { Proxy } from './proxy.ts';

export function quietProxy(limits: Partial<Limits> = {}): Proxy {
  const observer = createObserver({ accessLog: 'off', send: () => {} });
  return new Proxy({ filters: [], observer, defaultAddresses: ['127.0.0.1'], limits: { ...defaultLimits, ...limits } });
}

export interface OneRoute {
  /** Its key. */
  readonly backend: string;
  readonly protocol?: BackendConfig['protocol'];
  /** Of the listener; default: any. */
  readonly port?: number;
}

export function configTo({ backend, protocol = 'http1', port = 0 }: OneRoute): GatewayConfig {
  const origin = { kind: 'X', namespace: 'test', name: backend };
  const path = { type: 'PathPrefix', value: '/' } as const;
  return {
    ...emptyConfig,
    listeners: { l: { origin, gateway: 'Gateway/test/web', protocol: 'HTTP', addresses: [], port, hostname: '' } },
    paths: { p: { listener: 'l', hostname: '', own: '', path, matches: [{ rule: 'r', order: 0 }] } },
    routes: { t: { origin } },
    rules: { r: { route: 't', origin, filters: [], backends: [{ backend, weight: 1, filters: [] }] } },
    backends: { [backend]: { origin, port: 80, protocol, loadBalancing: { type: 'LeastRequest' } } },
  };
}
