import { describe, expect, test } from 'vitest'
import { libraryWorkplace, someLibrary } from './support/library-place.js'
import { jsonLines } from './support/workplace.js'

const tape = (...args: string[]) => ['tape', ...args]

describe('tape label', () => {
  test('labels what holds nothing, and refuses what is held or foreign, saying which and why', async () => {
    await using place = await libraryWorkplace()
    const before = await place.library()
    const names = ['A00001L8', 'A00003L8', 'F00001L8', 'CLN001L1', 'A00002L8']
    const { exitCode, stdout, stderr } = await place.holdfast(tape('label', ...names))
    expect(exitCode).toBe(3)
    expect(stdout).toBe('A00003L8: labelled\nA00002L8: labelled\n')
    expect(stderr.split('\n')).toEqual([
      'holdfast: A00001L8 is kept until 2027-03-01 00:00:00Z: medium 1 of set 1f2e3d4c, pool weekly. [E_TARGET_IMMUTABLE]',
      '  at: target tape, medium A00001L8',
      '  try: It was left alone. If nobody wants what it holds, name it once more with --force.',
      'holdfast: F00001L8 holds something that is not of Holdfast. [E_MEDIA_FOREIGN]',
      '  at: target tape, medium F00001L8',
      '  try: It was left alone. If nobody wants what it holds, name it once more with --force.',
      'holdfast: CLN001L1 is a cleaning cartridge. [E_UNSUPPORTED]',
      '  at: target tape, medium CLN001L1',
      '  try: Nothing can be written to it.',
      '',
    ])
    const after = await place.library()
    for (const name of ['A00001L8', 'F00001L8', 'CLN001L1']) expect(after.media[name]).toEqual(before.media[name])
    expect(after.media['A00003L8']).toEqual({ state: 'usable', pool: 'scratch' })
  })

  test('--force labels what is held or foreign, tells what is lost, and never a cleaning cartridge', async () => {
    await using place = await libraryWorkplace()
    const forced = await place.holdfast(tape('label', '--force', 'A00001L8', 'F00001L8', 'A00004L8'))
    expect(forced).toMatchObject({
      exitCode: 0,
      stdout: 'A00001L8: labelled\nF00001L8: labelled\nA00004L8: labelled\n',
    })
    expect(forced.stderr).toBe(
      'holdfast: warning: A00001L8 was medium 1 of set 1f2e3d4c, pool weekly: what it held is gone, and the set lacks it from now on.\n',
    )
    const states = Object.values((await place.library()).media).filter(({ state }) => state === 'usable')
    expect(states).toHaveLength(4)
    expect(await place.holdfast(tape('label', '--force', 'CLN001L1'))).toMatchObject({ exitCode: 2, stdout: '' })
    expect((await place.library()).media['CLN001L1']?.state).toBe('cleaning')
  })

  test('--all-blank shows which are blank in the library, and labels only those', async () => {
    const library = someLibrary()
    library.media['A00008L8'] = { state: 'blank', location: 'drawer' }
    library.media['A00002L8'] = { state: 'blank' }
    await using place = await libraryWorkplace(library)
    const { exitCode, stdout, stderr } = await place.holdfast(tape('label', '--all-blank'))
    expect(exitCode).toBe(0)
    expect(stdout.split('\n')).toEqual([
      '2 blank cartridges in the library: A00002L8, A00003L8',
      'A00002L8: labelled',
      'A00003L8: labelled',
      '',
    ])
    expect(stderr).toMatch(
      /warning: nobody has looked at 1 cartridge yet: 'holdfast tape catalog --rebuild' reads them/,
    )
    const { media } = await place.library()
    expect(media['A00008L8']?.state).toBe('blank')
    expect(media['A00004L8']?.state).toBe('unknown')
    const again = await place.holdfast(tape('label', '--all-blank', '--json'))
    expect(again.exitCode).toBe(0)
    expect(jsonLines(again.stdout)).toEqual([
      { type: 'step', message: '0 blank cartridges in the library' },
      { type: 'result', command: 'tape label', status: 'done', exitCode: 0, target: 'tape', media: [] },
    ])
  })

  test('tells events, and errors with what they are about', async () => {
    await using place = await libraryWorkplace()
    const { exitCode, stdout } = await place.holdfast(tape('label', 'A00003L8', 'Z00001L8', 'A00003L8', '--json'))
    expect(exitCode).toBe(3)
    expect(jsonLines(stdout)).toEqual([
      { type: 'medium-handled', action: 'labelled', medium: 'A00003L8' },
      {
        type: 'result',
        command: 'tape label',
        status: 'partial',
        exitCode: 3,
        target: 'tape',
        media: [
          { medium: 'A00003L8' },
          {
            medium: 'Z00001L8',
            error: {
              code: 'E_MEDIA_NEEDED',
              message: 'Z00001L8 is not in the library.',
              hint: 'Put it in.',
              context: { medium: 'Z00001L8' },
            },
          },
        ],
      },
    ])
  })
})

describe('an error of the library', () => {
  const unread = someLibrary()
  unread.media['A00002L8'] = { state: 'unknown', found: 'held' }
  const busy = someLibrary({ busy: true })
  test.each([
    ['E_MEDIA_NEEDED', someLibrary(), 'label A00009L8 --force'],
    ['E_MEDIA_NEEDED', someLibrary(), 'erase Z00001L8'],
    ['E_MEDIA_NEEDED', someLibrary(), 'load Z00001L8'],
    ['E_MEDIA_NEEDED', someLibrary(), 'move Z00001L8 slot:6'],
    ['E_MEDIA_NEEDED', someLibrary(), 'vault Z00001L8 --to safe'],
    ['E_MEDIA_NEEDED', someLibrary(), 'recall Z00001L8'],
    ['E_MEDIA_FOREIGN', someLibrary(), 'label A00004L8'],
    ['E_MEDIA_FOREIGN', someLibrary(), 'erase F00001L8'],
    ['E_TARGET_IMMUTABLE', unread, 'label A00002L8'],
    ['E_TARGET_IMMUTABLE', someLibrary(), 'erase A00001L8'],
    ['E_REPOSITORY_BUSY', busy, 'label A00003L8'],
    ['E_REPOSITORY_BUSY', busy, 'erase A00003L8 --force'],
  ] as const)('%s ends with 1 and changes nothing: %#', async (code, library, line) => {
    await using place = await libraryWorkplace(library)
    const { exitCode, stdout, stderr } = await place.holdfast(tape(...line.split(' '), '--json'))
    expect({ line, exitCode }).toEqual({ line, exitCode: 1 })
    expect(stderr).toContain(`[${code}]`)
    expect(jsonLines(stdout)).toMatchObject([{ type: 'result', status: 'failed', error: { code } }])
    expect(await place.library()).toEqual(library)
  })
})

describe('tape erase', () => {
  test('takes away what nobody keeps, and with --force what is kept', async () => {
    await using place = await libraryWorkplace()
    expect(await place.holdfast(tape('erase', 'A00002L8'))).toMatchObject({
      exitCode: 0,
      stdout: 'A00002L8: erased\n',
      stderr: '',
    })
    const { exitCode, stdout, stderr } = await place.holdfast(tape('erase', 'A00001L8', '--force', '--json'))
    expect(exitCode).toBe(0)
    expect(stderr).toContain('A00001L8 was medium 1 of set 1f2e3d4c')
    expect(jsonLines(stdout)).toMatchObject([
      { type: 'medium-handled', action: 'erased', medium: 'A00001L8' },
      { type: 'result', command: 'tape erase', media: [{ medium: 'A00001L8' }] },
    ])
    const { media } = await place.library()
    expect([media['A00001L8'], media['A00002L8']]).toEqual([{ state: 'blank' }, { state: 'blank' }])
  })
})

describe('carrying cartridges', () => {
  const where = async (place: { library: () => Promise<ReturnType<typeof someLibrary>> }) =>
    (await place.library()).places.map(({ medium }) => medium)

  test('load puts one into the drive that suits, or the one that was said', async () => {
    await using place = await libraryWorkplace()
    expect(await place.holdfast(tape('load', 'A00002L8'))).toMatchObject({
      exitCode: 0,
      stdout: 'A00002L8: in drive:0\n',
    })
    const chosen = await place.holdfast(tape('load', 'A00003L8', '--drive', 'drive:1', '--json'))
    expect(jsonLines(chosen.stdout)).toMatchObject([
      { type: 'medium-handled', action: 'loaded', medium: 'A00003L8', place: 'drive:1' },
      { type: 'result', media: [{ medium: 'A00003L8', place: 'drive:1' }] },
    ])
    expect((await where(place)).slice(0, 2)).toEqual(['A00002L8', 'A00003L8'])
    const wrong = await place.holdfast(tape('load', 'A00002L8', '--drive', '2'))
    expect(wrong.exitCode).toBe(2)
    expect(wrong.stderr).toContain('The library has no drive:2. [E_USAGE]\n  try: It has drive:0 to drive:1.')
  })

  test('unload puts it back and tells where; an empty drive is left alone, one that is not there is wrong use', async () => {
    await using place = await libraryWorkplace()
    expect(await place.holdfast(tape('unload', '1'))).toMatchObject({
      exitCode: 0,
      stdout: 'A00001L8: out of drive:1, in slot:6 now\n',
    })
    expect((await where(place)).at(-1)).toBe('A00001L8')
    expect(await place.holdfast(tape('unload', 'drive:1'))).toMatchObject({
      exitCode: 0,
      stdout: 'drive:1 is empty.\n',
    })
    expect(jsonLines((await place.holdfast(tape('unload', '1', '--json'))).stdout)).toEqual([
      { type: 'result', command: 'tape unload', status: 'done', exitCode: 0, target: 'tape', media: [] },
    ])
    expect(await place.holdfast(tape('unload', '7'))).toMatchObject({ exitCode: 2, stdout: '' })
  })

  test('move carries a cartridge by its name, or by its place when it has none', async () => {
    await using place = await libraryWorkplace()
    expect(await place.holdfast(tape('move', 'A00002L8', 'slot:6'))).toMatchObject({
      exitCode: 0,
      stdout: 'A00002L8: in slot:6\n',
    })
    const nameless = await place.holdfast(tape('move', 'slot:5', 'mail:1', '--json'))
    expect(jsonLines(nameless.stdout)).toEqual([
      { type: 'medium-handled', action: 'moved', place: 'mail:1' },
      {
        type: 'result',
        command: 'tape move',
        status: 'done',
        exitCode: 0,
        target: 'tape',
        media: [{ place: 'mail:1' }],
      },
    ])
    expect(await where(place)).toEqual([
      null,
      'A00001L8',
      null,
      'nameless',
      null,
      'A00003L8',
      'A00004L8',
      'F00001L8',
      'CLN001L1',
      null,
      'A00002L8',
    ])
  })

  test.each([
    ['A00002L8 slot:1', 'slot:1 is taken by A00003L8.'],
    ['A00002L8 slot:5', 'slot:5 is taken by a medium.'],
    ['slot:6 mail:0', 'slot:6 is empty.'],
    ['slot:9 mail:0', 'The library has no slot:9.'],
    ['A00002L8 mail:2', 'The library has no mail:2.'],
  ])('move %s is wrong use and moves nothing', async (args, message) => {
    await using place = await libraryWorkplace()
    const { exitCode, stdout, stderr } = await place.holdfast(tape('move', ...args.split(' ')))
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain(`${message} [E_USAGE]`)
    expect(await place.library()).toEqual(someLibrary())
  })
})

describe('tape vault and recall', () => {
  test('vault puts into mail slots, notes where to, and tells what to take out', async () => {
    await using place = await libraryWorkplace()
    const { exitCode, stdout } = await place.holdfast(tape('vault', 'A00001L8', 'A00009L8', '--to', ' safe, shelf 2 '))
    expect(exitCode).toBe(0)
    expect(stdout.split('\n')).toEqual([
      "A00001L8: in mail:0, kept in 'safe, shelf 2'",
      "A00009L8: out of the library already, kept in 'safe, shelf 2'",
      'Take out: A00001L8 (mail:0)',
      '',
    ])
    const { places, media } = await place.library()
    expect(places[2]).toEqual({ kind: 'mail', medium: 'A00001L8' })
    expect([media['A00001L8']?.location, media['A00009L8']?.location]).toEqual(['safe, shelf 2', 'safe, shelf 2'])
  })

  test('vault is partial when the mail slots are full, and tells what is left', async () => {
    await using place = await libraryWorkplace()
    const names = ['A00001L8', 'A00002L8', 'A00003L8']
    const { exitCode, stdout, stderr } = await place.holdfast(tape('vault', ...names, '--to', 'safe'))
    expect(exitCode).toBe(3)
    expect(stdout).toMatch(/Take out: A00001L8 \(mail:0\), A00002L8 \(mail:1\)\nStill to do: A00003L8\n$/)
    expect(stderr).toBe(
      'holdfast: No mail is free. [E_TARGET_FULL]\n  at: medium A00003L8\n  try: Take something out.\n',
    )
    const again = await place.holdfast(tape('vault', 'A00003L8', '--to', 'safe'))
    expect(again).toMatchObject({ exitCode: 1, stdout: '' })
  })

  test('vault needs to know where', async () => {
    await using place = await libraryWorkplace()
    expect(await place.holdfast(tape('vault', 'A00001L8', '--to', ' '))).toMatchObject({ exitCode: 2, stdout: '' })
    expect(await place.library()).toEqual(someLibrary())
  })

  test('recall takes in what lies in a mail slot, and forgets where the rest was', async () => {
    await using place = await libraryWorkplace()
    await place.holdfast(tape('vault', 'A00001L8', '--to', 'safe'))
    const { exitCode, stdout } = await place.holdfast(tape('recall', 'A00001L8', 'A00009L8'))
    expect(exitCode).toBe(0)
    expect(stdout).toBe('A00001L8: in slot:6\nA00009L8: no longer noted as away; put it into the library\n')
    const { media } = await place.library()
    expect([media['A00001L8'], media['A00009L8']].map((medium) => medium?.location)).toEqual([undefined, undefined])
    const partial = await place.holdfast(tape('recall', 'A00009L8', 'Z00001L8', '--json'))
    expect(partial.exitCode).toBe(3)
    expect(jsonLines(partial.stdout)).toMatchObject([
      { type: 'medium-handled', action: 'recalled', medium: 'A00009L8' },
      { status: 'partial', media: [{ medium: 'A00009L8' }, { medium: 'Z00001L8', error: { code: 'E_MEDIA_NEEDED' } }] },
    ])
  })
})
