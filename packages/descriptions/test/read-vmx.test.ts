import { describe, expect, it } from 'vitest'
import { readVmx } from '../src/index.js'
import { fixture, fixtureBytes } from './support/fixtures.js'
import { refusal } from './support/refusal.js'

const minimal = 'displayName = "m"\n'

describe('a VMX of ESXi', () => {
  const machine = readVmx(fixtureBytes('esxi.vmx'))

  it('gives the machine in neutral terms', () => {
    expect(machine).toMatchObject({
      id: '421d5a0c-8f6e-3b77-912c-4d55e0a1b2c3',
      name: 'web-01 "blue"',
      firmware: 'uefi',
      cpus: 4,
      memoryBytes: 8 * 1024 ** 3,
      nics: [
        { macAddress: '00:50:56:9d:1a:2b', network: 'VM Network', model: 'vmxnet3' },
        { macAddress: '02:00:00:aa:bb:cc', network: 'backup (vlan 20)', model: 'e1000e' },
      ],
    })
  })

  it('names disks by their place, with the file as stated and the order in which they boot', () => {
    const controller = { name: 'scsi0', model: 'pvscsi' }
    expect(machine.disks).toEqual([
      { id: 'scsi0:0', file: 'web-01.vmdk', imageFormat: 'vmdk', bus: 'scsi', controller, slot: 0, bootOrder: 2 },
      {
        id: 'scsi0:1',
        file: '/vmfs/volumes/5f0e1c2d-aaaaaaaa-bbbb-000c29123456/web-01/web-01_1.vmdk',
        imageFormat: 'vmdk',
        bus: 'scsi',
        controller,
        slot: 1,
        bootOrder: 1,
      },
    ])
  })

  it('keeps the text word for word', () => {
    expect(machine.native).toEqual({ format: 'vmx', text: fixture('esxi.vmx') })
  })

  it.each([
    ['cdrom-image at sata0:0', 'sata0:0.fileName (line 38)'],
    ['mode of disk scsi0:1: independent-persistent', 'scsi0:1.mode (line 34)'],
    ['secure boot: TRUE', 'uefi.secureBoot.enabled (line 19)'],
    ['virtual TPM: TRUE', 'vtpm.present (line 54)'],
    ['operating system of the guest: ubuntu-64', 'guestOS (line 17)'],
    ['settings of tools', 'tools.syncTime (line 20)'],
  ])('notes %s', (what, where) => {
    const note = machine.notes.find((each) => each.what === what)
    expect(note?.where).toContain(where)
    expect(note?.why).not.toBe('')
  })

  it('drops no key in silence: each is in the model or in a note', () => {
    const modelled =
      /^(\.encoding|config\.version|displayName|numvcpus|memSize|firmware|uuid\.bios|bios\.hddOrder|(scsi|sata)0\.(present|virtualDev)|scsi0:[01]\.(present|fileName|deviceType|redo)|ethernet[01]\.(present|virtualDev|networkName|addressType|address|generatedAddress))$/
    const noted = machine.notes.map(({ where }) => where).join('\n')
    const silent = fixture('esxi.vmx')
      .split('\n')
      .flatMap((line, index) => (line === '' ? [] : [{ key: line.split(' = ')[0] ?? '', line: index + 1 }]))
      .filter(({ key, line }) => !modelled.test(key) && !noted.includes(`${key} (line ${line})`))
    expect(silent).toEqual([])
  })
})

describe('a VMX of Workstation', () => {
  const machine = readVmx(fixtureBytes('workstation.vmx'))

  it('is decoded as it says', () => {
    expect(machine.name).toBe('Büro Server')
    expect(machine.disks.map(({ id, file }) => [id, file])).toEqual([
      ['ide0:0', 'C:\\VMs\\alt\\daten.vmdk'],
      ['scsi0:0', 'Büro Server.vmdk'],
    ])
    expect(machine.nics).toEqual([{ macAddress: '00:0c:29:6f:11:22', network: 'nat', model: 'e1000' }])
  })

  it('leaves out, with a note, what is not present', () => {
    expect(machine.notes.find(({ what }) => what === 'device nvme0:0')?.why).toContain('nvme0 is not present')
    expect(machine.notes.find(({ what }) => what === 'network card ethernet1')?.why).toContain('not present')
  })
})

describe('the text of a VMX', () => {
  it('decodes bytes by |XX in the encoding of the file, and leaves other bars alone', () => {
    expect(readVmx('displayName = "a|22b|7Cc|d|0A"').name).toBe('a"b|c|d\n')
    expect(readVmx('displayName = "B|C3|BCro"').name).toBe('Büro')
    expect(readVmx('.encoding = "windows-1252"\ndisplayName = "B|FCro"').name).toBe('Büro')
  })

  it('is UTF-8 or else Windows-1252, with a note, when it states no encoding', () => {
    const bytes = Uint8Array.from([
      ...new TextEncoder().encode('displayName = "B'),
      0xfc,
      ...new TextEncoder().encode('ro"\n'),
    ])
    const machine = readVmx(bytes)
    expect(machine.name).toBe('Büro')
    expect(machine.notes.map(({ what }) => what)).toContain('encoding')
    expect(readVmx(new TextEncoder().encode('displayName = "Büro"\n')).notes).toEqual([])
  })

  it('knows keys in any case, comments, values without quotes and blank lines', () => {
    const machine = readVmx('#!/usr/bin/vmware\n\n  DISPLAYNAME = "x" # a comment\r\nNumVCPUs=3\n')
    expect(machine).toMatchObject({ name: 'x', cpus: 3 })
  })

  it('takes a name from the caller when it states none', () => {
    expect(readVmx('memsize = "64"', { name: 'stem' })).toMatchObject({ id: 'stem', name: 'stem' })
    expect(readVmx('displayName = "a/b"\n').id).toBe('a-b')
  })

  it('takes a key twice with the same value, and says so', () => {
    const { notes } = readVmx(`${minimal}memsize = "64"\nMEMSIZE = "64"\n`)
    expect(notes.map(({ what, where }) => [what, where])).toEqual([['key MEMSIZE is given again', 'MEMSIZE (line 3)']])
  })

  it.each([
    ['a key with two values', `${minimal}memsize = "64"\nMemSize = "65"\n`, 3, 'MemSize'],
    ['a line that is no setting', `${minimal}nonsense\n`, 2, undefined],
    ['a value that does not end', `${minimal}memsize = "64\n`, 2, undefined],
    ['text after a value', `${minimal}memsize = "64" 65\n`, 2, undefined],
    ['a number that is none', `${minimal}memsize = "many"\n`, 2, 'memsize'],
    ['no CPU', `${minimal}numvcpus = "0"\n`, 2, 'numvcpus'],
    ['a switch that is neither', `${minimal}ide0:0.present = "perhaps"\n`, 2, 'ide0:0.present'],
    ['an encoding that nobody knows', '.encoding = "klingon"\n', undefined, undefined],
    ['an encrypted machine', `${minimal}encryption.data = "abc"\n`, 2, 'encryption.data'],
    ['a firmware that nobody knows', `${minimal}firmware = "coreboot"\n`, undefined, 'firmware'],
  ])('refuses %s, naming the place', (what, text, line, element) => {
    const error = refusal(() => readVmx(what.includes('encoding') ? new TextEncoder().encode(text) : text))
    expect(error.code).toBe('E_SOURCE_INVALID')
    expect(error.hint).toBeTruthy()
    if (line !== undefined) expect(error.context['line']).toBe(line)
    if (element !== undefined) expect(error.context['element']).toBe(element)
  })

  it.each(['', '\n\n', '# only a comment', new Uint8Array()])('refuses a file that says nothing', (text) => {
    expect(refusal(() => readVmx(text)).message).toContain('sets no keys')
  })
})
