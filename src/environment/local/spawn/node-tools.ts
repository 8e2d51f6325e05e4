/** Where the system's own programs are that the fallback works with. */
export const toolEnv = { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C" };
