import { BackupError } from '@holdfast/core'
import { describe, expect, test } from 'vitest'
import { exitCodeOf, joinedExitCode } from '../src/exit-code.js'
import { errorDocument, renderError } from '../src/render/errors.js'
import { renderTable } from '../src/render/table.js'
import { counted, formatBytes, formatDuration, formatRate, formatTime } from '../src/render/units.js'

const plain = { strong: (text: string) => text, faint: (text: string) => text, stacks: false }

describe('units', () => {
  test.each([
    [0, '0 B'],
    [1, '1 B'],
    [999, '999 B'],
    [1000, '0.98 KiB'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [10 * 2 ** 20, '10 MiB'],
    [123.4 * 2 ** 20, '123 MiB'],
    [1023.9 * 2 ** 20, '1 GiB'],
    [64 * 2 ** 30, '64 GiB'],
    [5 * 2 ** 50, '5 PiB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  test.each([
    [0, '0 ms'],
    [350.4, '350 ms'],
    [999.7, '1.0 s'],
    [4210, '4.2 s'],
    [59_960, '1m 00s'],
    [125_000, '2m 05s'],
    [3_599_600, '1h 00m'],
    [11_220_000, '3h 07m'],
  ])('%d ms are %s', (ms, text) => expect(formatDuration(ms)).toBe(text))

  test('rates, times and counts', () => {
    expect(formatRate(210 * 2 ** 20)).toBe('210 MiB/s')
    expect(formatTime('2026-11-22T17:04:55.123Z')).toBe('2026-11-22 17:04:55Z')
    expect([counted(0, 'disk'), counted(1, 'disk'), counted(2, 'disk')]).toEqual(['0 disks', '1 disk', '2 disks'])
  })
})

describe('a table', () => {
  test('aligns its columns and disarms control characters of names', () => {
    const columns = [{ heading: 'machine' }, { heading: 'size', align: 'right' }, { heading: 'why' }] as const
    const rows = [
      ['web', '1 GiB', 'a'],
      ['\x1b[31mdatabase', '20 MiB', ''],
    ]
    expect(renderTable(columns, rows, (text) => text.toUpperCase())).toEqual([
      'MACHINE          SIZE  WHY',
      'web             1 GiB  a',
      '�[31mdatabase  20 MiB',
    ])
  })
})

describe('an error', () => {
  test('says what, the code, where and what to do', () => {
    const error = new BackupError('E_DAMAGED', 'Pack 12 is cut short.\nTwice.', {
      plugin: 'disk',
      operation: 'target.get',
      context: { object: 'packs/12/1234', machine: 'web\x1b[2J' },
      hint: 'Repair it.\nOr restore from another target.',
    })
    expect(renderError(error, plain)).toBe(`holdfast: Pack 12 is cut short. [E_DAMAGED]
  Twice.
  at: object packs/12/1234, machine web�[2J, plugin disk, operation target.get
  try: Repair it.
       Or restore from another target.
`)
  })

  test('of a configuration says each mistake on its own', () => {
    const mistakes = ['a.yaml:1:2: targets: is missing.', 'a.yaml:3:4: pipelines.x: is unknown.'].map(
      (message) =>
        new BackupError('E_CONFIG', message, { context: { file: 'a.yaml' }, hint: `Mend ${message.slice(7, 10)}.` }),
    )
    const error = new BackupError('E_CONFIG', 'all of them', { cause: new AggregateError(mistakes, '2 problems') })
    expect(renderError(error, plain)).toBe(`holdfast: a.yaml:1:2: targets: is missing. [E_CONFIG]
  try: Mend 1:2.
holdfast: a.yaml:3:4: pipelines.x: is unknown. [E_CONFIG]
  try: Mend 3:4.
`)
  })

  test('while closing after a failure does not hide the failure', () => {
    const failure = new BackupError('E_TARGET_FULL', 'No room.')
    const closing = new BackupError('E_TARGET_IO', 'Cannot close.')
    const both = Object.assign(new Error('x'), { name: 'SuppressedError', error: closing, suppressed: failure })
    expect(renderError(both, plain)).toBe('holdfast: No room. [E_TARGET_FULL]\nholdfast: Cannot close. [E_TARGET_IO]\n')
  })

  test('that is no BackupError is a defect, and shows its stack only when asked', () => {
    const error = new TypeError('x is not a function')
    expect(renderError(error, plain)).toBe(`holdfast: x is not a function [E_PLUGIN_UNEXPECTED]
  try: This is a defect. Run it again with HOLDFAST_DEBUG=1 and report what it prints.
`)
    expect(renderError(error, { ...plain, stacks: true })).toMatch(/\n {4}at .*rendering\.test\.ts/)
    expect(errorDocument(error).code).toBe('E_PLUGIN_UNEXPECTED')
  })
})

describe('exit codes', () => {
  test('2 is what the caller can correct, 1 everything else', () => {
    expect(exitCodeOf(new BackupError('E_CONFIG', ''))).toBe(2)
    expect(exitCodeOf(new BackupError('E_KEY_WRONG', ''))).toBe(1)
    expect(exitCodeOf(new Error('E_CONFIG'))).toBe(1)
  })

  test('parts that differ are partial, unless none is good', () => {
    expect([joinedExitCode([]), joinedExitCode([0, 0]), joinedExitCode([2, 2])]).toEqual([0, 0, 2])
    expect([joinedExitCode([0, 1]), joinedExitCode([0, 2]), joinedExitCode([3, 1])]).toEqual([3, 3, 3])
    expect(joinedExitCode([1, 2])).toBe(1)
  })
})
