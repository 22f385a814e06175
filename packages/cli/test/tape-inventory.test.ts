import { describe, expect, test } from 'vitest'
import { libraryWorkplace, someLibrary, weekly } from './support/library-place.js'
import { jsonLines } from './support/workplace.js'

describe('tape inventory', () => {
  test('shows every place with what is in it, then what is away', async () => {
    await using place = await libraryWorkplace()
    const { exitCode, stdout, stderr } = await place.holdfast(['tape', 'inventory'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual([
      'place    medium                 state     pool    set          keep until                used  problem',
      'slot:0   A00002L8               usable    weekly',
      'slot:1   A00003L8               blank',
      'slot:2   A00004L8               unknown',
      'slot:3   F00001L8               foreign',
      'slot:4   CLN001L1               cleaning',
      'slot:5   (no name can be read)                                                                 the barcode cannot be read',
      'slot:6',
      'mail:0',
      'mail:1',
      'drive:0',
      'drive:1  A00001L8               held      weekly  1f2e3d4c #1  2027-03-01 00:00:00Z  8.64 TiB  write-protected',
      '',
      'away         medium    state  pool    set          keep until  used  problem',
      'Bank, box 7  A00009L8  held   weekly  1f2e3d4c #2  for good',
      '',
      '7 slots (6 full), 2 mail slots (0 full), 2 drives (1 full); media: 2 held, 1 usable, 1 blank, 1 unknown, 1 foreign, 1 cleaning; 1 of them away',
      '',
    ])
  })

  test('gives all of it as one document', async () => {
    await using place = await libraryWorkplace()
    const { exitCode, stdout } = await place.holdfast(['tape', 'inventory', '--json'])
    expect(exitCode).toBe(0)
    const { target, places, media } = JSON.parse(stdout)
    expect(target).toBe('tape')
    expect(places).toHaveLength(11)
    expect(places.at(-1)).toEqual({ place: 'drive:1', kind: 'drive', number: 1, full: true, medium: 'A00001L8' })
    expect(places[5]).toEqual({
      place: 'slot:5',
      kind: 'slot',
      number: 5,
      full: true,
      problem: 'the barcode cannot be read',
    })
    expect(media).toHaveLength(7)
    expect(media[0]).toEqual({
      medium: 'A00001L8',
      state: 'held',
      online: true,
      place: 'drive:1',
      pool: 'weekly',
      set: weekly,
      sequence: 1,
      keepUntil: '2027-03-01T00:00:00.000Z',
      usedBytes: 9_500_000_000_000,
      problem: 'write-protected',
    })
    expect(media.at(-1)).toEqual({
      medium: 'A00009L8',
      state: 'held',
      online: false,
      location: 'Bank, box 7',
      pool: 'weekly',
      set: weekly,
      sequence: 2,
    })
  })

  test('says so when nobody noted where a medium went, and when there is none', async () => {
    await using place = await libraryWorkplace(
      someLibrary({ places: [{ kind: 'slot', medium: null }], media: { B00001L8: { state: 'usable' } } }),
    )
    const { stdout } = await place.holdfast(['tape', 'inventory'])
    expect(stdout).toMatch(/^\(nobody noted where\) {2}B00001L8 {2}usable$/m)
    await using empty = await libraryWorkplace(
      someLibrary({ places: [{ kind: 'slot', medium: null }], media: {}, drives: [] }),
    )
    expect((await empty.holdfast(['tape', 'inventory'])).stdout).toMatch(/\n\n1 slot \(0 full\); media: none\n$/)
  })

  test('lets no name steer the terminal', async () => {
    const name = 'A\u001b[2J01'
    const places = [{ kind: 'slot' as const, medium: name }]
    await using place = await libraryWorkplace(someLibrary({ places, media: { [name]: { state: 'blank' } } }))
    for (const args of [
      ['inventory'],
      ['label', '--all-blank'],
      ['label', name],
      ['vault', name, '--to', 'x\u001by'],
    ]) {
      const { stdout, stderr } = await place.holdfast(['tape', ...args])
      expect({ args, steered: `${stdout}${stderr}`.includes('\u001b') }).toEqual({ args, steered: false })
      expect(`${stdout}${stderr}`).toContain('A�[2J01')
    }
  })
})

describe('tape status', () => {
  const alerts = ['clean the drive now', 'the cartridge is worn out']
  const worn = someLibrary({
    drives: [
      { name: '/dev/nst0', alerts: [] },
      { name: '/dev/nst1', alerts },
    ],
  })

  test('shows the drives, and warns of alerts with exit code 0', async () => {
    await using place = await libraryWorkplace(worn)
    const { exitCode, stdout, stderr } = await place.holdfast(['tape', 'status'])
    expect(exitCode).toBe(0)
    expect(stdout.split('\n')).toEqual([
      'drive    name       medium    alerts',
      'drive:0  /dev/nst0            none',
      'drive:1  /dev/nst1  A00001L8  clean the drive now; the cartridge is worn out',
      '',
    ])
    expect(stderr).toBe(
      'holdfast: warning: drive:1: clean the drive now\nholdfast: warning: drive:1: the cartridge is worn out\n',
    )
  })

  test('gives a document', async () => {
    await using place = await libraryWorkplace(worn)
    expect(JSON.parse((await place.holdfast(['tape', 'status', '--json'])).stdout)).toEqual({
      target: 'tape',
      drives: [
        { place: 'drive:0', name: '/dev/nst0', alerts: [] },
        { place: 'drive:1', name: '/dev/nst1', medium: 'A00001L8', alerts },
      ],
    })
  })
})

describe('tape catalog', () => {
  test('lists the sets with their media, how long they are kept and what is away', async () => {
    await using place = await libraryWorkplace()
    const { exitCode, stdout } = await place.holdfast(['tape', 'catalog'])
    expect(exitCode).toBe(0)
    expect(stdout.split('\n').slice(1)).toEqual([
      `${weekly}  2026-11-01 02:00:00Z  2027-03-01 00:00:00Z  A00001L8, A00009L8 (away: Bank, box 7)`,
      'ffee                              2026-11-08 02:00:00Z  for good              A00002L8',
      '',
    ])
    expect(JSON.parse((await place.holdfast(['tape', 'catalog', '--json'])).stdout)).toEqual({
      target: 'tape',
      sets: [
        {
          id: weekly,
          createdAt: '2026-11-01T02:00:00.000Z',
          keepUntil: '2027-03-01T00:00:00.000Z',
          media: [
            { medium: 'A00001L8', online: true },
            { medium: 'A00009L8', online: false, location: 'Bank, box 7' },
          ],
        },
        { id: 'ffee', createdAt: '2026-11-08T02:00:00.000Z', media: [{ medium: 'A00002L8', online: true }] },
      ],
    })
  })

  test('is empty without sets, and wrong use of a target that keeps none', async () => {
    await using place = await libraryWorkplace(someLibrary({ sets: [] }))
    expect(await place.holdfast(['tape', 'catalog'])).toMatchObject({ exitCode: 0, stdout: 'No sets.\n' })
    const without = `targets: { tape: { use: './fake-library.ts', with: { sets: false } } }`
    await using plain = await libraryWorkplace(someLibrary(), without)
    const { exitCode, stderr } = await plain.holdfast(['tape', 'catalog'])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('[E_UNSUPPORTED]')
  })

  test('--rebuild reads every cartridge but cleaning ones, and tells how far it is', async () => {
    await using place = await libraryWorkplace()
    const { exitCode, stdout, stderr } = await place.holdfast(['tape', 'catalog', '--rebuild'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual([
      'A00001L8 (1 of 5): held, medium 1 of set 1f2e3d4c, pool weekly',
      'A00002L8 (2 of 5): usable, pool weekly',
      'A00003L8 (3 of 5): blank',
      'A00004L8 (4 of 5): foreign',
      'F00001L8 (5 of 5): foreign',
      '',
    ])
    expect((await place.library()).media['A00004L8']?.state).toBe('foreign')
  })

  test('--rebuild goes on after a cartridge that cannot be read, and is partial', async () => {
    const library = someLibrary()
    library.media['A00002L8'] = { state: 'usable', found: 'damaged' }
    await using place = await libraryWorkplace(library)
    const args = ['tape', 'catalog', '--rebuild', 'A00002L8', 'A00001L8', 'A00001L8', '--json']
    const { exitCode, stdout, stderr } = await place.holdfast(args)
    expect(exitCode).toBe(3)
    expect(stderr).toMatch(/A00002L8 cannot be read\. \[E_TARGET_IO\]\n {2}try: Clean the drive\./)
    const [read, result] = jsonLines(stdout)
    expect(read).toEqual({
      type: 'medium-read',
      medium: 'A00001L8',
      state: 'held',
      pool: 'weekly',
      set: weekly,
      sequence: 1,
      read: 2,
      total: 2,
    })
    expect(result).toMatchObject({
      type: 'result',
      command: 'tape catalog',
      status: 'partial',
      target: 'tape',
      media: [
        { medium: 'A00002L8', error: { code: 'E_TARGET_IO' } },
        { medium: 'A00001L8', state: 'held' },
      ],
    })
    expect(await place.holdfast(['tape', 'catalog', '--rebuild', 'Z00001L8'])).toMatchObject({ exitCode: 1 })
  })
})

describe('the target of tape commands', () => {
  test('must be named when several have media, and must have some', async () => {
    const two = `
targets:
  disk: { use: '@holdfast/target-disk', with: { path: ./disk } }
  left: { use: './fake-library.ts', with: {} }
  right: { use: './fake-library.ts', with: {} }
`
    await using place = await libraryWorkplace(someLibrary(), two)
    const unnamed = await place.holdfast(['tape', 'status'])
    expect(unnamed).toMatchObject({ exitCode: 2, stdout: '' })
    expect(unnamed.stderr).toMatch(/\[E_USAGE\]\n {2}try: Choose one with --target: left, right\.\n$/)
    const disk = await place.holdfast(['tape', 'status', '--target', 'disk'])
    expect(disk.exitCode).toBe(2)
    expect(disk.stderr).toMatch(/'disk' has no media .*\n {2}try: Choose another with --target: left, right\.\n$/)
    const named = await place.holdfast(['tape', 'status', '--target', 'right', '--json'])
    expect(JSON.parse(named.stdout)).toMatchObject({ target: 'right' })
  })

  test('is completed like any command', async () => {
    await using place = await libraryWorkplace()
    const { stdout } = await place.holdfast(['complete', '--', 'tape', 're'])
    expect(stdout.split('\n').map((line) => line.split('\t')[0])).toContain('recall')
    expect((await place.holdfast(['complete', '--', 'tape', 'label', '--al'])).stdout).toContain('--all-blank')
  })
})
