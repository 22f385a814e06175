import { describe, expect, it } from 'vitest'
import { descriptorText } from './support/vmdk-descriptor.js'
import { expectRefused, failureOf, oneFile, openFiles } from './support/vmdk-memory.js'

const grain = 65_536
const flat = (lines: readonly string[], further = {}) => descriptorText('custom', lines, further)

describe('descriptor', () => {
  it('gives kind, ids and database as details', async () => {
    const text = descriptorText('vmfs', ['RW 8 VMFS "x-flat.vmdk"'], {
      cid: 'ABC',
      lines: ['changeTrackPath="x-ctk.vmdk"', 'ddb.geometry.heads = "255"', 'ddb.thinProvisioned = "1"'],
    }).replace('version=1', 'version=3')
    await using image = await openFiles({ disk: text, 'x-flat.vmdk': new Uint8Array(4096) })
    expect(image.layers[0]).toMatchObject({
      variant: 'vmfs',
      identity: '00000abc',
      sizeBytes: 4096,
      details: {
        descriptorVersion: 3,
        encoding: 'UTF-8',
        extents: 1,
        adapterType: 'lsilogic',
        hardwareVersion: '13',
        heads: '255',
        thinProvisioned: '1',
        changeTrackPath: 'x-ctk.vmdk',
      },
    })
  })

  it('names grain size and compression of sparse extents', async () => {
    await using image = await openFiles({ disk: await oneFile({ kind: 'streamOptimized' }) })
    expect(image.layers[0].details).toMatchObject({
      grainBytes: grain,
      compression: 'zlib',
      toolsVersion: '2147483647',
    })
  })

  it.each([
    ['UTF-8', 'Größe-flat.vmdk', Buffer.from('Größe-flat.vmdk'), 'UTF-8'],
    ['windows-1252', 'Größe-flat.vmdk', Buffer.from('Größe-flat.vmdk', 'latin1'), 'windows-1252'],
    ['GBK', '硬盘-flat.vmdk', Buffer.from([0xd3, 0xb2, 0xc5, 0xcc, ...Buffer.from('-flat.vmdk')]), 'GBK'],
    ['', 'Größe-flat.vmdk', Buffer.from('Größe-flat.vmdk', 'latin1'), 'windows-1252'],
    ['', 'Größe-flat.vmdk', Buffer.from('Größe-flat.vmdk'), 'UTF-8'],
  ])('decodes names in %s', async (stated, name, encoded, expected) => {
    const line = stated === '' ? '' : `encoding="${stated}"\n`
    const head = `version=1\n${line}CID=1\ncreateType="vmfs"\nRW 1 VMFS "`
    const text = Buffer.concat([Buffer.from(head), encoded, Buffer.from('"\n')])
    await using image = await openFiles({ disk: text, [name]: new Uint8Array(512) })
    expect(image.layers[0].details['encoding']).toBe(expected)
  })

  it.each([
    ['2gbMaxExtentFlat', 'twoGbMaxExtentFlat'],
    ['MONOLITHICFLAT', 'monolithicFlat'],
    ['vmfsThin', 'vmfsThin'],
    ['custom', 'custom'],
  ])('takes createType %s', async (stated, variant) => {
    const text = descriptorText(stated, ['RW 1 FLAT "x" 0'])
    await using image = await openFiles({ disk: text, x: new Uint8Array(512) })
    expect(image.layers[0].variant).toBe(variant)
  })

  it.each(['fullDevice', 'partitionedDevice', 'vmfsRaw', 'vmfsRawDeviceMap', 'vmfsPassthroughRawDeviceMap', 'vmfsRDM'])(
    'refuses the device kind %s, and says what to do',
    async (kind) => {
      const failure = await failureOf({ disk: descriptorText(kind, ['RW 63 FLAT "/dev/sda" 0']) })
      expect(failure).toMatchObject({ code: 'unsupported', message: /device or LUN/, hint: /Back up the device/ })
    },
  )

  it('refuses extents on devices in a disk of another kind', () =>
    expectRefused({ disk: flat(['RW 8 VMFSRDM "x-rdm.vmdk"']) }, 'unsupported', /x-rdm\.vmdk is of type VMFSRDM/))

  it.each([
    ['encryptionKeys="vmware:key/list/(pair/(fqid/x))"'],
    ['ddb.iofilters = "vmwarevmcrypt"'],
    ['dataFileKey = "vmware:key/x"'],
  ])('refuses an encrypted disk: %s', (line) =>
    expectRefused({ disk: descriptorText('vmfs', ['RW 8 VMFS "x"'], { lines: [line] }) }, 'encrypted', /encrypted/),
  )

  it.each([
    [
      'a version that is not known',
      (text: string) => text.replace('version=1', 'version=7'),
      'unsupported',
      /version 7/,
    ],
    ['a createType that is not known', (text: string) => text.replace('custom', 'fancy'), 'unsupported', /fancy/],
    ['no createType', (text: string) => text.replace(/createType.*/, ''), 'corrupt', /no createType/],
    ['no CID', (text: string) => text.replace(/^CID.*/m, ''), 'corrupt', /no CID/],
    ['a CID that is no number', (text: string) => text.replace('c0ffee01', 'coffee'), 'corrupt', /no number of 8 hex/],
    ['two CIDs', (text: string) => text.replace('CID=', 'CID=1\nCID='), 'corrupt', /states CID twice/],
    ['a parent without a name', (text: string) => text.replace('ffffffff', '00000002'), 'corrupt', /does not name/],
    ['no extent', (text: string) => text.replace(/^RW.*/m, ''), 'corrupt', /no extent/],
    [
      'a damaged extent line',
      (text: string) => text.replace('RW 1', 'RX 1'),
      'corrupt',
      /line that is not understood: RX 1/,
    ],
    ['an extent of no size', (text: string) => text.replace('RW 1', 'RW 0'), 'corrupt', /extent line that is not/],
    ['an extent type that is not known', (text: string) => text.replace('FLAT', 'ROUND'), 'corrupt', /not understood/],
    ['an extent without a file', (text: string) => text.replace('"x" 0', ''), 'corrupt', /without a file/],
    [
      'an extent without access',
      (text: string) => text.replace('RW', 'NOACCESS'),
      'unsupported',
      /x is marked NOACCESS/,
    ],
    ['an encoding that is not known', (text: string) => text.replace('UTF-8', 'EBCDIC-9'), 'unsupported', /EBCDIC-9/],
    ['absurdly many sectors', (text: string) => text.replace('RW 1 ', 'RW 9999999999999999 '), 'limit', /add up to/],
  ])('refuses %s', (_name, change, code, message) =>
    expectRefused({ disk: change(flat(['RW 1 FLAT "x" 0'])), x: new Uint8Array(512) }, code, message),
  )

  it('refuses bytes that are not in the stated encoding', () => {
    const text = Buffer.concat([Buffer.from('version=1\nencoding="UTF-8"\n# '), Buffer.from([0xff, 0x0a])])
    return expectRefused({ disk: text }, 'corrupt', /not in UTF-8/)
  })

  it('refuses more extents than it opens, and a descriptor that is too long', async () => {
    await expectRefused({ disk: flat(Array.from({ length: 8193 }, () => 'RW 1 ZERO')) }, 'limit', /8193 extents/)
    await expectRefused({ disk: `version=1\n${'#'.repeat(2 ** 20)}` }, 'limit', /1048586 bytes long/)
  })
})
