/** What a Gateway needs in its cluster beside its proxies: the compiler wishes it, src/infrastructure carries it out. Types only. */
import type { Key } from './keys.ts';

export type InfrastructureWish =
  | ServiceWish
  /** Whatever was made for the Gateway is to go. */
  | { readonly type: 'None' }
  /** Nothing can be said now, such as of a Gateway that is not valid: what is there stays as it is. */
  | { readonly type: 'AsIs' };

/** A Service without selector, and EndpointSlices that lead it to the proxies. */
export interface ServiceWish {
  readonly type: 'Service';
  readonly name: string;
  readonly namespace: string;
  /** Whoever owns it: with the Gateway goes all that was made for it. */
  readonly gateway: { readonly name: string; readonly uid: string };
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: 'TCP' | 'UDP' }[];
  /** Where the proxies listen. */
  readonly addresses: readonly string[];
  /** The address that the Service is asked to have; absent: any. */
  readonly clusterIP?: string;
}

/** By the key of the Gateway. What was made for a Gateway that is not named goes. */
export type InfrastructureWishes = ReadonlyMap<Key, InfrastructureWish>;
