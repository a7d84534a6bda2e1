// How a user's own systemd manager is reached: through the bus at the path that logind gives it. It reads no
// environment, so it works from a cron job or a service as well.

/** Variables for systemd-run and systemctl with `--user`. */
export function userManagerEnvironment(userId: number): Record<string, string> {
  const runtimeDirectory = `/run/user/${userId}`;
  return {
    XDG_RUNTIME_DIR: runtimeDirectory,
    DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtimeDirectory}/bus`,
  };
}
