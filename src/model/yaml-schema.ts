/** What plain YAML scalars mean to `kubectl`: booleans and integers of YAML 1.1, but no timestamps and no base-60 numbers. */
import { defineScalarTag, FAILSAFE_SCHEMA, mergeTag, NOT_RESOLVED, type Schema } from 'js-yaml';

const nullTag = defineScalarTag<null>('tag:yaml.org,2002:null', {
  implicit: true,
  implicitFirstChars: ['', '~', 'n', 'N'],
  resolve: (source) => (/^(?:|~|null|Null|NULL)$/.test(source) ? null : NOT_RESOLVED),
  identify: (data) => data === null,
});

const boolTag = defineScalarTag<boolean>('tag:yaml.org,2002:bool', {
  implicit: true,
  implicitFirstChars: [...'tTfFyYnNoO'],
  resolve: (source) => {
    if (source.length > 5) return NOT_RESOLVED;
    if (/^(?:true|True|TRUE|y|Y|yes|Yes|YES|on|On|ON)$/.test(source)) return true;
    return /^(?:false|False|FALSE|n|N|no|No|NO|off|Off|OFF)$/.test(source) ? false : NOT_RESOLVED;
  },
  identify: (data) => typeof data === 'boolean',
});

const integer = /^([-+]?)(?:0b([01_]+)|0x([0-9a-f_]+)|0o?([0-7_]+)|([0-9][0-9_]*))$/i;

const intTag = defineScalarTag<number>('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: [...'-+0123456789'],
  resolve: (source) => {
    const match = integer.exec(source);
    if (!match) return NOT_RESOLVED;
    const [, sign, binary, hexadecimal, octal, decimal] = match;
    const digits = (binary ?? hexadecimal ?? octal ?? decimal)!.replaceAll('_', '');
    const radix = binary !== undefined ? 2 : hexadecimal !== undefined ? 16 : octal !== undefined ? 8 : 10;
    const value = Number.parseInt(digits, radix);
    if (Number.isNaN(value)) return NOT_RESOLVED;
    return sign === '-' ? -value : value;
  },
  identify: (data) => Number.isInteger(data),
});

const floatTag = defineScalarTag<number>('tag:yaml.org,2002:float', {
  implicit: true,
  implicitFirstChars: [...'-+.0123456789'],
  resolve: (source) => {
    const plain = /^[-+.]?[0-9]/.test(source) ? source.replaceAll('_', '') : source;
    if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(plain)) return Number(plain);
    if (/^\+?\.(?:inf|Inf|INF)$/.test(source)) return Infinity;
    if (/^-\.(?:inf|Inf|INF)$/.test(source)) return -Infinity;
    return /^\.(?:nan|NaN|NAN)$/.test(source) ? Number.NaN : NOT_RESOLVED;
  },
  identify: (data) => typeof data === 'number',
});

export const kubernetesSchema: Schema = FAILSAFE_SCHEMA.withTags(nullTag, boolTag, intTag, floatTag, mergeTag);
