/**
 * The channel between a controller and proxies of the same process: remembers the newest state, so that one who joins late
 * gets it whole, and hands on what changed. Knows nothing of how messages travel.
 */
import { diffConfig } from '../contract/config-diff.ts';
import type { Endpoint, EndpointsPatch } from '../contract/endpoints.ts';
import { emptyConfig, type GatewayConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { ToProxy } from '../contract/messages.ts';

export interface Channel {
  /** The newest version; 0 before the first. */
  readonly version: number;
  /**
   * Makes this the newest state and sends the difference. A new version is sent, and acknowledged, even when it changes
   * nothing; under the version that is there already only `endpoints` are sent.
   */
  publish(version: number, config: GatewayConfig, endpoints: EndpointsPatch | null): void;
  /** `send` gets a snapshot at once, if there is a version, then every message. Returns what ends it. */
  subscribe(send: (message: ToProxy) => void): () => void;
}

export function createChannel(): Channel {
  const subscribers = new Set<(message: ToProxy) => void>();
  let current: GatewayConfig = emptyConfig;
  let currentVersion = 0;
  const allEndpoints = new Map<Key, readonly Endpoint[]>();

  function snapshot(): ToProxy {
    return {
      type: 'config',
      version: currentVersion,
      isSnapshot: true,
      config: diffConfig(emptyConfig, current) ?? {},
      endpoints: Object.fromEntries(allEndpoints),
    };
  }

  return {
    get version() {
      return currentVersion;
    },
    publish(version, config, endpoints) {
      const message = messageFor({ version, isNew: version !== currentVersion }, current, { config, endpoints });
      current = config;
      currentVersion = version;
      for (const key in endpoints) {
        const list = endpoints[key]!;
        if (list === null) allEndpoints.delete(key);
        else allEndpoints.set(key, list);
      }
      if (message !== null) for (const send of subscribers) send(message);
    },
    subscribe(send) {
      subscribers.add(send);
      if (currentVersion > 0) send(snapshot());
      return () => void subscribers.delete(send);
    },
  };
}

function messageFor(
  { version, isNew }: { version: number; isNew: boolean },
  before: GatewayConfig,
  after: { config: GatewayConfig; endpoints: EndpointsPatch | null },
): ToProxy | null {
  const endpoints = after.endpoints ?? {};
  if (isNew) {
    return { type: 'config', version, isSnapshot: false, config: diffConfig(before, after.config) ?? {}, endpoints };
  }
  return after.endpoints === null ? null : { type: 'endpoints', endpoints };
}
