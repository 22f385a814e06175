import type { Machine } from '@holdfast/core'
import { attachDisks } from '../attach-disks.js'
import { type MappedNic, mappedCpus, mappedFirmware, mappedMemory, mappedName, mappedNics } from '../guest-values.js'
import { uuidToWrite } from '../identity.js'
import { printable } from '../printable.js'
import type { Mapping, PlacedDisk, WriteOptions, WrittenDescription } from '../written-description.js'
import { type HypervDisk, hypervDisks } from './hyperv-disks.js'
import { powershellText } from './powershell-text.js'

/** What the writer for Hyper-V may be told. */
export interface HypervWriteOptions extends WriteOptions {
  /**
   * Secure boot of a machine with UEFI: by Microsoft's certificate for Windows, or the one for Linux.
   *
   * @defaultValue `'off'`, which every guest starts with
   */
  readonly secureBoot?: 'off' | 'windows' | 'linux'
  /** Puts the first three disks of a machine with BIOS on IDE, for guests without Hyper-V's drivers. @defaultValue `false` */
  readonly idePreferred?: boolean
}

const memoryUnit = 2 * 1024 * 1024
const templates = { windows: 'MicrosoftWindows', linux: 'MicrosoftUEFICertificateAuthority' }

/**
 * Writes a PowerShell script that makes the machine of its images, on Windows Server 2016 or later.
 *
 * Relative paths are taken from the folder of the script. It refuses to run when a machine of that name exists or an image is
 * missing, and takes its machine away again when a step fails; the images stay. All it has of the machine is quoted, the script
 * is ASCII, and nothing of the machine stands in comments.
 *
 * @throws BackupError `E_PLACEMENT` when images and disks do not match, or Hyper-V cannot attach an image
 */
export function writeHyperv(
  machine: Machine,
  places: readonly PlacedDisk[],
  options: HypervWriteOptions = {},
): WrittenDescription {
  const disks = attachDisks(machine, places, 'hyperv-powershell')
  const name = mappedName(
    machine,
    (text) =>
      text
        .toWellFormed()
        .replace(/\p{Cc}/gu, '-')
        .trim(),
    'Hyper-V takes neither control characters nor surrounding white space.',
  )
  const firmware = mappedFirmware(machine)
  const generation = firmware.value === 'uefi' ? 2 : 1
  const cpus = mappedCpus(machine)
  const memory = mappedMemory(machine, memoryUnit)
  const nics = mappedNics(
    machine,
    { known: {}, fallback: 'synthetic', why: "Hyper-V's card needs the driver netvsc, which Windows and Linux have." },
    options,
  )
  const attached = hypervDisks(disks, generation, options.idePreferred ?? false)
  const text = [
    ...prologue(name.value, attached.value),
    `  $vm = New-VM -Name $name -Generation ${generation} -MemoryStartupBytes ${Math.max(memory.value, 32 * 1024 * 1024)} -NoVHD`,
    '  Set-VMMemory -VM $vm -DynamicMemoryEnabled $false',
    `  Set-VMProcessor -VM $vm -Count ${cpus.value}`,
    ...diskLines(attached.value),
    ...firmwareLines(generation, attached.value, options.secureBoot ?? 'off'),
    '  Get-VMNetworkAdapter -VM $vm | Remove-VMNetworkAdapter',
    ...nics.value.flatMap(nicLines),
    ...epilogue,
  ]
  const report = [
    ...name.report,
    ...firmware.report,
    ...cpus.report,
    ...memory.report,
    ...attached.report,
    ...nics.report,
  ]
  return { text: `${text.join('\r\n')}\r\n`, report: [...report, ...limitsOfHyperv(machine, generation, options)] }
}

function prologue(name: string, disks: readonly HypervDisk[]): readonly string[] {
  return [
    '#Requires -Version 5.1',
    '#Requires -Modules Hyper-V',
    '#Requires -RunAsAdministrator',
    '# Makes a virtual machine of restored disk images. Written by Holdfast; read it before you run it.',
    'Set-StrictMode -Version 3.0',
    "$ErrorActionPreference = 'Stop'",
    `$name = ${powershellText(name)}`,
    '$files = @(@(',
    ...disks.map(({ disk }, index) => `  ${powershellText(disk.place.file)}${index < disks.length - 1 ? ',' : ''}`),
    ') | ForEach-Object { [System.IO.Path]::GetFullPath([System.IO.Path]::Combine($PSScriptRoot, $_)) })',
    'foreach ($file in $files) {',
    "  if (-not (Test-Path -LiteralPath $file -PathType Leaf)) { throw ('There is no image ' + $file) }",
    '}',
    "if (@(Get-VM | Where-Object { $_.Name -eq $name }).Count -gt 0) { throw ('There is a machine named ' + $name) }",
    '$vm = $null',
    'try {',
  ]
}

const epilogue = ['  $vm', '} catch {', '  if ($null -ne $vm) { Remove-VM -VM $vm -Force }', '  throw', '}']

function diskLines(disks: readonly HypervDisk[]): readonly string[] {
  const last = disks.filter(({ controller }) => controller === 'SCSI').at(-1)?.controllerNumber ?? -1
  // Generation 1 comes with one SCSI controller or none, generation 2 with one or none, by version.
  const controllers = `  while (@(Get-VMScsiController -VM $vm).Count -lt ${last + 1}) { Add-VMScsiController -VM $vm }`
  return [
    ...(last < 0 ? [] : [controllers]),
    ...disks.map(({ controller, controllerNumber, location }, index) => {
      const place = `-ControllerType ${controller} -ControllerNumber ${controllerNumber} -ControllerLocation ${location}`
      return `  Add-VMHardDiskDrive -VM $vm ${place} -Path $files[${index}]`
    }),
  ]
}

function firmwareLines(
  generation: 1 | 2,
  disks: readonly HypervDisk[],
  secureBoot: 'off' | 'windows' | 'linux',
): readonly string[] {
  if (generation === 1) return ["  Set-VMBios -VM $vm -StartupOrder @('IDE', 'CD', 'LegacyNetworkAdapter', 'Floppy')"]
  const drives = disks
    .filter(({ disk }, index) => index === 0 || disk.spec.bootOrder !== undefined)
    .map(
      ({ controllerNumber, location }) =>
        `(Get-VMHardDiskDrive -VM $vm -ControllerNumber ${controllerNumber} -ControllerLocation ${location})`,
    )
  return [
    secureBoot === 'off'
      ? '  Set-VMFirmware -VM $vm -EnableSecureBoot Off'
      : `  Set-VMFirmware -VM $vm -EnableSecureBoot On -SecureBootTemplate ${templates[secureBoot]}`,
    ...(drives.length === 0 ? [] : [`  Set-VMFirmware -VM $vm -BootOrder @(${drives.join(', ')})`]),
  ]
}

// A switch is chosen by comparing names, never by a parameter that takes wildcards.
function nicLines({ macAddress, network }: MappedNic): readonly string[] {
  const mac = macAddress === undefined ? '' : ` -StaticMacAddress '${macAddress.replaceAll(':', '').toUpperCase()}'`
  const add = `  $nic = Add-VMNetworkAdapter -VM $vm${mac} -Passthru`
  if (network === undefined)
    return [add, "  Write-Warning 'A network card is not connected: its network is not known.'"]
  return [
    add,
    `  $network = ${powershellText(network)}`,
    '  $switch = @(Get-VMSwitch | Where-Object { $_.Name -eq $network })',
    '  if ($switch.Count -eq 1) { Connect-VMNetworkAdapter -VMNetworkAdapter $nic -VMSwitch $switch[0] }',
    "  else { Write-Warning ('A network card is not connected: there is no switch named ' + $network) }",
  ]
}

function limitsOfHyperv(machine: Machine, generation: 1 | 2, options: HypervWriteOptions): readonly Mapping[] {
  const uuid = uuidToWrite(machine.id)
  const native = machine.native
  const why = 'What only the native description says is not carried over; keep it beside the machine.'
  return [
    ...(generation === 2
      ? [
          {
            what: 'secure boot',
            from: 'unknown',
            to: options.secureBoot ?? 'off',
            why: 'The neutral model does not say; the option secureBoot does.',
          },
        ]
      : []),
    ...(uuid === undefined ? [] : [{ what: 'uuid', from: uuid, to: 'generated', why: 'New-VM takes none.' }]),
    ...(native === undefined
      ? []
      : [{ what: 'description', from: printable(native.format), to: 'hyperv-powershell', why }]),
  ]
}
