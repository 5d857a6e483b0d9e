/** Colours for the terminal, or none: decided once, by where the text goes and by what the environment says. */
import { styleText } from 'node:util';

type Paint = (text: string) => string;

export interface Style {
  readonly good: Paint;
  readonly warning: Paint;
  readonly bad: Paint;
  readonly strong: Paint;
  readonly faint: Paint;
  readonly link: Paint;
}

const asIs: Paint = (text) => text;

export const plainStyle: Style = { good: asIs, warning: asIs, bad: asIs, strong: asIs, faint: asIs, link: asIs };

const paint =
  (format: Parameters<typeof styleText>[0]): Paint =>
  (text) =>
    styleText(format, text, { validateStream: false });

export const colouredStyle: Style = {
  good: paint('green'),
  warning: paint('yellow'),
  bad: paint('red'),
  strong: paint('bold'),
  faint: paint('dim'),
  link: paint('cyan'),
};

/** NO_COLOR (any value but an empty one) switches colours off, FORCE_COLOR (but 0) on, whatever the stream. */
export function styleFor(output: { readonly isTerminal: boolean }, env: NodeJS.ProcessEnv): Style {
  if (env.NO_COLOR) return plainStyle;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR === '0' ? plainStyle : colouredStyle;
  return output.isTerminal && env.TERM !== 'dumb' ? colouredStyle : plainStyle;
}
