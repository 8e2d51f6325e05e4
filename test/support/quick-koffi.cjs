// In the built program this stands for koffi, whose own search for its prebuilt file takes 6 ms of a
// start; to load that file takes one. Where it does not lie where it is looked for, koffi searches.
const { existsSync } = require("node:fs");

/** Where there is a loader of musl, koffi itself finds out which libc Node runs on. */
const muslLoaders = { x64: "/lib/ld-musl-x86_64.so.1", arm64: "/lib/ld-musl-aarch64.so.1" };

function prebuiltForGlibc() {
  const { arch, platform } = process;
  const muslLoader = muslLoaders[arch];
  if (platform !== "linux" || muslLoader === undefined || existsSync(muslLoader)) return undefined;
  try {
    const koffi = require(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);
    // Another package may have brought another version. The bundler writes in which one is wanted.
    return koffi.version === KOFFI_VERSION ? koffi : undefined;
  } catch {
    // Package managers that nest packages put it elsewhere; what else is wrong, koffi will say.
    return undefined;
  }
}

module.exports = prebuiltForGlibc() ?? require("koffi");
