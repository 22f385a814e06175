/** Makes the kernel's command line: all that makes an emulated machine start sooner, and what the guest is to do. */
export function kernelCommandLine({ staysUp }: { readonly staysUp: boolean }): string {
  const words = 'console=ttyS0 mitigations=off nokaslr no_timer_check tsc=reliable random.trust_cpu=on quiet panic=-1'
  return staysUp ? `${words} holdfast.stay` : words
}
