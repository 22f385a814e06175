import type { MachineId, MachineRef } from '@holdfast/core'
import { listObjects, type ManagedObject, type MoRef, refOf, type VimSession } from '@holdfast/protocol-vim'

/** A machine as the inventory lists it. */
export interface ListedMachine {
  readonly ref: MachineRef
  readonly moRef: MoRef
  /** Path of its datacenter in the inventory, as datastores are asked for. */
  readonly datacenter: string
}

interface Place {
  readonly ref: MoRef
  readonly name: string
  readonly parent: MoRef | undefined
}

const placeTypes = ['Folder', 'Datacenter', 'ResourcePool', 'VirtualApp', 'HostSystem'] as const
const machinePaths = [
  'name',
  'config.instanceUuid',
  'config.template',
  'parent',
  'resourcePool',
  'runtime.host',
  'runtime.powerState',
]

/** Lists all machines that the user may see. @throws VimError */
export async function* listMachines(session: VimSession, signal: AbortSignal): AsyncGenerator<ListedMachine, void> {
  const places = new Map<string, Place>()
  for (const type of placeTypes)
    for await (const { ref, properties } of listObjects(session, { type, paths: ['name', 'parent'] }, { signal })) {
      const parent = properties.get('parent')
      places.set(ref.value, {
        ref,
        name: plainName(properties.get('name')?.text ?? ''),
        parent: parent === undefined ? undefined : refOf(parent),
      })
    }
  for await (const object of listObjects(session, { type: 'VirtualMachine', paths: machinePaths }, { signal })) {
    const listed = listedMachine(object, places)
    if (listed !== undefined) yield listed
  }
}

function listedMachine(
  { ref: moRef, properties }: ManagedObject,
  places: ReadonlyMap<string, Place>,
): ListedMachine | undefined {
  const id = properties.get('config.instanceUuid')?.text
  // One that is being made, or cannot be reached, has no configuration.
  if (id === undefined || id === '') return undefined
  const pathTo = (path: string) => {
    const element = properties.get(path)
    return element === undefined ? [] : placesTo(refOf(element), places)
  }
  const way = pathTo('parent')
  const at = way.findIndex(({ ref }) => ref.type === 'Datacenter')
  const datacenter = way.slice(0, at + 1).map(({ name }) => name)
  // Each datacenter has its machines below a folder that nobody made.
  const folder = way.slice(at + 2).map(({ name }) => name)
  const pool = pathTo('resourcePool').filter(({ ref }) => ref.type === 'ResourcePool' || ref.type === 'VirtualApp')
  const host = pathTo('runtime.host').at(-1)
  const labels = {
    datacenter: datacenter.join('/'),
    folder: folder.join('/'),
    pool: pool
      .slice(1)
      .map(({ name }) => name)
      .join('/'),
    ...(host !== undefined && { host: host.name }),
    template: properties.get('config.template')?.text === 'true' ? 'true' : 'false',
    power: properties.get('runtime.powerState')?.text ?? 'unknown',
  }
  const name = plainName(properties.get('name')?.text ?? id)
  return { ref: { id: id as MachineId, name, labels }, moRef, datacenter: datacenter.join('/') || 'ha-datacenter' }
}

/** The way down to a place; the root itself is not listed. */
function placesTo(ref: MoRef, places: ReadonlyMap<string, Place>): readonly Place[] {
  const way: Place[] = []
  for (
    let at = places.get(ref.value);
    at !== undefined && way.length < 100;
    at = at.parent && places.get(at.parent.value)
  )
    way.unshift(at)
  return way
}

/** Names in the inventory have three characters escaped (vSphere Web Services API, `ManagedEntity.name`). */
function plainName(name: string): string {
  return name.replaceAll(/%(2f|5c|25)/gi, (escaped) => decodeURIComponent(escaped))
}
