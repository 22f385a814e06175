import { maxObjectKeyLength, type ObjectKey, objectKey } from '@holdfast/core'
import fc from 'fast-check'

const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-']

/** Generates legal object keys, odd ones included: leading dots, long parts, many parts. */
export function objectKeys(): fc.Arbitrary<ObjectKey> {
  const part = fc
    .oneof(
      { weight: 4, arbitrary: fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 12 }) },
      { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 200 }) },
    )
    .filter((text) => !/^\.+$/.test(text))
  return fc
    .array(part, { minLength: 1, maxLength: 6 })
    .map((parts) => parts.join('/'))
    .filter((text) => text.length <= maxObjectKeyLength)
    .map(objectKey)
}

/** Generates texts that are no legal key and that a careless target might follow out of its folder. */
export function hostileKeys(): fc.Arbitrary<string> {
  const known = [
    '',
    '.',
    '..',
    '/',
    '/etc/passwd',
    '../up',
    'a/../../up',
    'a/./b',
    'a//b',
    'a/',
    'a\0b',
    'a\\b',
    'C:\\x',
    'a%2Fb\n',
  ]
  return fc.oneof(
    fc.constantFrom(...known),
    fc.string({ unit: 'binary', minLength: 1 }).filter((text) => !/^[A-Za-z0-9._/-]*$/.test(text)),
    fc.integer({ min: 201, max: 2_000 }).map((length) => 'x'.repeat(length)),
  )
}
