/**
 * Gives each Gateway addresses of its own out of a range of this host. Knows no sockets: whether an address can be listened on
 * is for the proxies to say.
 */
import type { Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import type { AssignedAddresses } from '../compiler/compile.ts';
import { addressAt, numberOf, type AddressRange } from './address-range.ts';

/** A Gateway, as far as its addresses go. */
export interface AddressClaim {
  readonly key: Key;
  /** The values of `spec.addresses`, empty text for an entry that leaves the choice to us. */
  readonly wanted: readonly string[];
}

export interface AddressPoolOptions {
  readonly range: AddressRange;
  /** What a Gateway had before this process began, from its status: it gets that again if it can. */
  previous(key: Key): readonly string[];
  /** False: another replica gives the addresses out, and `previous` tells what it gave. Absent: this one does. */
  decides?(): boolean;
}

interface Holding {
  readonly text: string;
  readonly assigned: AssignedAddresses;
}

/** `next`: where the search goes on, if the address is taken. */
type Found = { readonly address: string; readonly next?: number } | { readonly problem: Problem };

export class AddressPool {
  readonly #options: AddressPoolOptions;
  readonly #holdings = new Map<Key, Holding>();
  /** Who has an address of the range. */
  readonly #owners = new Map<string, Key>();
  /** Given up, but the proxies may still listen there; by whom, and the version that takes it away, once it is known. */
  readonly #leaving = new Map<string, { readonly key: Key; readonly since: number | null }>();
  /** Where the search goes on: an address comes back as late as can be. */
  #next: number;
  #current: ReadonlyMap<Key, AssignedAddresses> = new Map();

  constructor(options: AddressPoolOptions) {
    this.#options = options;
    this.#next = options.range.first;
  }

  /** The addresses of these Gateways; all others give theirs up. What did not change is the same object. */
  assign(claims: readonly AddressClaim[]): ReadonlyMap<Key, AssignedAddresses> {
    const known = new Set(claims.map(({ key }) => key));
    for (const key of this.#holdings.keys()) if (!known.has(key)) this.#drop(key);
    const changed = claims.filter((claim) => this.#isNews(claim));
    for (const { key } of changed) this.#drop(key);
    // Whoever names an address goes before those who take any.
    const ordered = [...changed.filter(({ wanted }) => wanted.some(Boolean)), ...changed];
    for (const claim of ordered) if (!this.#holdings.has(claim.key)) this.#holdings.set(claim.key, this.#take(claim));
    const isSame = changed.length === 0 && this.#holdings.size === this.#current.size;
    if (!isSame) this.#current = new Map([...this.#holdings].map(([key, { assigned }]) => [key, assigned]));
    return this.#current;
  }

  /** This version was sent to the proxies: it takes away what was given up until now. */
  published(version: number): void {
    for (const [address, { key, since }] of this.#leaving) this.#leaving.set(address, { key, since: since ?? version });
  }

  /** The proxies serve this version. True: addresses are free again for which a Gateway may be waiting. */
  acknowledged(version: number): boolean {
    const free = [...this.#leaving].filter(([, { since }]) => since !== null && since <= version);
    for (const [address] of free) this.#leaving.delete(address);
    return free.length > 0 && [...this.#holdings.values()].some(({ assigned }) => assigned.problem !== null);
  }

  /** A Gateway that got nothing asks again each time. */
  #isNews({ key, wanted }: AddressClaim): boolean {
    const holding = this.#holdings.get(key);
    if (!holding || holding.text !== wanted.join()) return true;
    if (this.#isOverruled(key, holding)) return true;
    const { problem } = holding.assigned;
    return problem !== null && this.#take({ key, wanted }, 'Try').assigned.problem?.message !== problem.message;
  }

  /** Another replica gives the addresses out, and gave others. */
  #isOverruled(key: Key, { assigned }: Holding): boolean {
    if (this.#decides()) return false;
    const theirs = this.#options.previous(key).filter((address) => this.#isInRange(address));
    const ours = assigned.addresses.filter((address) => this.#isInRange(address));
    return theirs.some((address) => !ours.includes(address));
  }

  #decides(): boolean {
    return this.#options.decides?.() ?? true;
  }

  #drop(key: Key): void {
    for (const address of this.#holdings.get(key)?.assigned.addresses ?? []) {
      if (this.#owners.get(address) !== key) continue;
      this.#owners.delete(address);
      if (this.#isInRange(address)) this.#leaving.set(address, { key, since: null });
    }
    this.#holdings.delete(key);
  }

  #take({ key, wanted }: AddressClaim, how: 'Take' | 'Try' = 'Take'): Holding {
    const text = wanted.join();
    const addresses: string[] = [];
    let next = this.#next;
    for (const value of wanted.length === 0 ? [''] : wanted) {
      const found = value === '' ? this.#findFree(key, addresses) : this.#findNamed(value, key);
      if ('problem' in found) return { text, assigned: { addresses: [], problem: found.problem } };
      addresses.push(found.address);
      next = found.next ?? next;
    }
    if (how === 'Take') this.#next = next;
    for (const address of how === 'Take' ? addresses : []) {
      if (this.#isInRange(address)) this.#owners.set(address, key);
      this.#leaving.delete(address);
    }
    return { text, assigned: { addresses, problem: null } };
  }

  #findNamed(address: string, key: Key): Found {
    const owner = this.#owners.get(address);
    const leaver = this.#leaving.get(address)?.key ?? key;
    if ((owner === undefined || owner === key) && leaver === key) return { address };
    const message = `spec.addresses asks for ${address}, which ${ownerText(owner ?? leaver)} has: name another address, or none`;
    return { problem: { reason: 'AddressNotUsable', message } };
  }

  #findFree(key: Key, taken: readonly string[]): Found {
    const { first, last } = this.#options.range;
    const isFree = (address: string): boolean => !this.#owners.has(address) && !taken.includes(address);
    // What a Gateway gave up a moment ago it may have back at once: its own proxies listen there.
    const isMine = (address: string): boolean => (this.#leaving.get(address)?.key ?? key) === key;
    const had = [...this.#leaving.keys()].filter((address) => this.#leaving.get(address)!.key === key);
    const before = [...(this.#decides() ? had : []), ...this.#options.previous(key)].find(
      (address) => this.#isInRange(address) && isFree(address) && isMine(address),
    );
    if (before !== undefined) return { address: before };
    if (!this.#decides()) {
      const message = 'waiting for the replica that leads to give it an address';
      return { problem: { reason: 'AddressNotAssigned', message } };
    }
    const size = last - first + 1;
    for (let step = 0; step < size; step++) {
      const number = first + ((this.#next - first + step) % size);
      const address = addressAt(number);
      if (!isFree(address) || this.#leaving.has(address)) continue;
      return { address, next: number + 1 };
    }
    const message = `all ${size} addresses of the pool are taken: give --address-pool a larger range`;
    return { problem: { reason: 'AddressNotAssigned', message } };
  }

  #isInRange(address: string): boolean {
    const number = numberOf(address);
    return number !== null && number >= this.#options.range.first && number <= this.#options.range.last;
  }
}

function ownerText(key: Key): string {
  const [kind, namespace, name] = key.split('/');
  return `${kind} ${namespace}/${name}`;
}
