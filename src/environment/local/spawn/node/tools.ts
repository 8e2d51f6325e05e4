/** Environment of the system's programs that the fallback runs. */
export const toolEnv = { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C" };
