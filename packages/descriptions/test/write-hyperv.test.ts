import type { DiskId } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { type HypervWriteOptions, writeHyperv } from '../src/index.js'
import { machineFrom, machineWith, placed } from './support/machines.js'
import { powershellSkeleton, powershellTexts } from './support/powershell.js'
import { refusal } from './support/refusal.js'

const write = (machine = machineWith(['sata']), options?: HypervWriteOptions) =>
  writeHyperv(machine, placed(machine, 'vhdx'), options)

// No PowerShell runs here: these tests hold the script to what the documentation of the cmdlets says.
describe('a script for Hyper-V', () => {
  it('makes a machine of generation 2 for UEFI, with secure boot off unless asked', () => {
    const { text, report } = write(machineWith(['scsi', 'scsi'], { firmware: 'uefi' }))
    expect(text).toContain('New-VM -Name $name -Generation 2 -MemoryStartupBytes 1073741824 -NoVHD')
    expect(text).toContain('Set-VMProcessor -VM $vm -Count 2')
    expect(text).toContain('-ControllerType SCSI -ControllerNumber 0 -ControllerLocation 1 -Path $files[1]')
    expect(text).toContain('Set-VMFirmware -VM $vm -EnableSecureBoot Off')
    expect(text).toContain('-BootOrder @((Get-VMHardDiskDrive -VM $vm -ControllerNumber 0 -ControllerLocation 0))')
    expect(text).not.toMatch(/IDE|Set-VMBios/)
    expect(report.map(({ what, to }) => [what, to])).toContainEqual(['secure boot', 'off'])
    expect(write(machineWith([], { firmware: 'uefi' }), { secureBoot: 'linux' }).text).toContain(
      '-EnableSecureBoot On -SecureBootTemplate MicrosoftUEFICertificateAuthority',
    )
  })

  it('makes a machine of generation 1 for BIOS, which starts from IDE', () => {
    const { text, report } = write(machineWith(['virtio', 'ide', 'ide', 'ide']))
    expect(text).toContain('-Generation 1')
    expect(text).toContain('-ControllerType IDE -ControllerNumber 0 -ControllerLocation 0 -Path $files[0]')
    expect(text).toContain('-ControllerType SCSI -ControllerNumber 0 -ControllerLocation 0 -Path $files[1]')
    expect(text).toContain('Set-VMBios')
    expect(report.find(({ what }) => what === 'bus of disk d0')).toMatchObject({ from: 'virtio', to: 'Hyper-V IDE' })
    expect(report.find(({ what }) => what === 'bus of disk d1')?.why).toContain('storvsc')
  })

  it('puts more disks on IDE when asked, around the DVD drive', () => {
    const { text, report } = write(machineWith(['ide', 'ide', 'ide', 'ide']), { idePreferred: true })
    expect(text.match(/-ControllerType IDE -ControllerNumber \d -ControllerLocation \d/g)).toEqual([
      '-ControllerType IDE -ControllerNumber 0 -ControllerLocation 0',
      '-ControllerType IDE -ControllerNumber 0 -ControllerLocation 1',
      '-ControllerType IDE -ControllerNumber 1 -ControllerLocation 1',
    ])
    expect(report.filter(({ what }) => what.startsWith('bus')).map(({ what }) => what)).toEqual(['bus of disk d3'])
  })

  it('starts from the disk that boots first', () => {
    const machine = machineWith(['sata', 'sata'])
    const disks = machine.disks.map((disk, index) => ({ ...disk, bootOrder: 2 - index }))
    expect(powershellTexts(write({ ...machine, disks }).text)).toEqual(expect.arrayContaining(['disk1.vhdx']))
    const { text } = write({ ...machine, disks })
    expect(text.indexOf("'disk1.vhdx'")).toBeLessThan(text.indexOf("'disk0.vhdx'"))
  })

  it('adds controllers for many disks, and refuses too many', () => {
    const many = machineWith(
      Array.from({ length: 130 }, () => 'scsi' as const),
      { firmware: 'uefi' },
    )
    expect(write(many).text).toContain('.Count -lt 3)')
    expect(write(many).text).toContain('-ControllerNumber 2 -ControllerLocation 1 -Path $files[129]')
    const tooMany = machineWith(
      Array.from({ length: 257 }, () => 'scsi' as const),
      { firmware: 'uefi' },
    )
    expect(refusal(() => write(tooMany)).code).toBe('E_PLACEMENT')
  })

  it('connects network cards by comparing names, and keeps MAC addresses', () => {
    const nics = [{ network: 'LAN*', macAddress: '00:50:56:00:00:0a', model: 'vmxnet3' }, {}]
    const { text, report } = write(machineWith(['sata'], { nics }), { networks: { 'LAN*': "Bob's [switch]" } })
    expect(text).toContain("-StaticMacAddress '00505600000A' -Passthru")
    expect(powershellTexts(text)).toContain("Bob's [switch]")
    expect(text).toContain('$_.Name -eq $network')
    expect(text).toContain('A network card is not connected')
    expect(report.map(({ what }) => what)).toContain('model of network card 0')
  })

  it('rounds memory up to what Hyper-V counts in', () => {
    const { text, report } = write(machineWith(['sata'], { memoryBytes: 1024 ** 3 + 1 }))
    expect(text).toContain(`-MemoryStartupBytes ${1024 ** 3 + 2 * 1024 ** 2}`)
    expect(report.map(({ what }) => what)).toContain('memory')
  })

  it.each([
    ['bios', 'vhd', 'a.vhd', true],
    ['bios', 'vhdx', 'a.VHDX', true],
    ['uefi', 'vhdx', 'a.vhdx', true],
    ['uefi', 'vhd', 'a.vhd', false],
    ['bios', 'vhdx', 'a.img', false],
    ['bios', 'qcow2', 'a.vhdx', false],
  ] as const)('with %s attaches %s named %s: %s', (firmware, imageFormat, file, isTaken) => {
    const machine = machineWith(['sata'], { firmware })
    const call = () => writeHyperv(machine, [{ id: 'd0' as DiskId, file, imageFormat }])
    if (isTaken) expect(call().text).toContain(file)
    else expect(refusal(call).code).toBe('E_PLACEMENT')
  })

  it('says what it cannot carry', () => {
    expect(write(machineFrom('esxi.vmx')).report.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['uuid', 'description']),
    )
  })

  it('is ASCII, with the line ends of Windows', () => {
    const { text } = write(machineWith(['sata'], { name: 'Büro 東京 😀 ‘quoted’' }))
    expect(text).toMatch(/^[\r\n\x20-\x7e]*$/)
    expect(text.split('\n').every((line) => line === '' || line.endsWith('\r'))).toBe(true)
    expect(powershellTexts(text)).toContain('Büro 東京 😀 ‘quoted’')
  })

  it.each([
    "'; Remove-Item C:\\ -Recurse; '",
    '$(Remove-Item C:\\)',
    '`"; calc.exe',
    '‘; calc; ’',
    "'@\r\ncalc\r\n@'",
    '#> calc <#',
    "''",
    'В\u2019; calc #',
  ])('holds %s as text and nothing else', (name) => {
    const harmless = write(machineWith(['sata']))
    const { text } = write(machineWith(['sata'], { name }))
    expect(powershellSkeleton(text)).toBe(powershellSkeleton(harmless.text))
    expect(powershellTexts(text)).toContain(name.replace(/[\r\n]/g, '-'))
  })
})
