/** Finds the line and column of a field of a YAML document. Costs a parse, so it is for what is shown to a person. */
import { EVENT_ID, getScalarValue, parseEvents, SCALAR_STYLE, type Event, type ScalarEvent } from 'js-yaml';
import type { FieldPath } from './field-path.ts';
import type { Section } from './yaml-documents.ts';

/** Both from 1; in the file, not in the document. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export function positionAt({ text, line, column = 1 }: Section, offset: number): Position {
  let lines = 0;
  let lineStart = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) {
    lines++;
    lineStart = at + 1;
  }
  return { line: line + lines, column: offset - lineStart + (lines === 0 ? column : 1) };
}

/** The value at the path in the n-th document of the section; where there is none, its nearest parent. */
export function locate(section: Section, path: FieldPath, index = 0): Position {
  const events = parseEvents(section.text, {});
  let at = 0;
  for (let document = -1; at < events.length; at++) {
    if (events[at]!.type === EVENT_ID.DOCUMENT && ++document === index) break;
  }
  return positionAt(section, offsetOf(new EventReader(section.text, events, at + 1), path));
}

function offsetOf(reader: EventReader, path: FieldPath): number {
  let offset = reader.offset;
  for (const step of path) {
    const found = reader.enter(step);
    if (found === null) break;
    offset = found;
  }
  return offset;
}

/** Walks the events of one document. */
class EventReader {
  readonly #text: string;
  readonly #events: readonly Event[];
  #at: number;

  constructor(text: string, events: readonly Event[], at: number) {
    this.#text = text;
    this.#events = events;
    this.#at = at;
  }

  get offset(): number {
    return this.#startOf(this.#events[this.#at]);
  }

  /** Moves to the value at the key or place within the present value; the offset of its key or item, or null. */
  enter(step: string | number): number | null {
    const type = this.#events[this.#at]?.type;
    if (type !== EVENT_ID.MAPPING && type !== EVENT_ID.SEQUENCE) return null;
    const start = this.#at;
    this.#at++;
    for (let index = 0; this.#events[this.#at] && this.#events[this.#at]!.type !== EVENT_ID.POP; index++) {
      const { offset } = this;
      const key = type === EVENT_ID.MAPPING ? this.#key() : index;
      if (key === step) return offset;
      this.#skip();
    }
    this.#at = start;
    return null;
  }

  #key(): string | undefined {
    const event = this.#events[this.#at]!;
    const key = event.type === EVENT_ID.SCALAR ? getScalarValue(this.#text, event) : undefined;
    this.#skip();
    return key;
  }

  #skip(): void {
    let depth = 0;
    do {
      const type = this.#events[this.#at++]?.type;
      if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++;
      else if (type === EVENT_ID.POP) depth--;
    } while (depth > 0 && this.#at < this.#events.length);
  }

  #startOf(event: Event | undefined): number {
    if (!event) return 0;
    if (event.type === EVENT_ID.SCALAR)
      return event.style === SCALAR_STYLE.PLAIN ? event.valueStart : quoteStart(event);
    if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) return event.start;
    return event.type === EVENT_ID.ALIAS ? event.anchorStart : 0;
  }
}

function quoteStart({ valueStart }: ScalarEvent): number {
  return Math.max(0, valueStart - 1);
}

const surprising = /^(?:y|n|yes|no|on|off)$/i;

/** Plain words that YAML 1.1 takes for booleans and people for text. */
export function surprisingWords(section: Section): { word: string; position: Position }[] {
  // Parsing twice is not worth it for the many documents without one.
  if (!/(?:[:\-,[]\s|\[)\s*(?:y|n|yes|no|on|off)\s*(?:[#,\]}]|$)/im.test(section.text)) return [];
  return parseEvents(section.text, {}).flatMap((event) => {
    if (event.type !== EVENT_ID.SCALAR || event.style !== SCALAR_STYLE.PLAIN) return [];
    const word = section.text.slice(event.valueStart, event.valueEnd);
    return surprising.test(word) ? [{ word, position: positionAt(section, event.valueStart) }] : [];
  });
}
