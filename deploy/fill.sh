#!/bin/sh
# Writes a template with its ${NAME}s filled in from the environment: fill.sh TEMPLATE > FILE
# Ends with 1 and says so when a name is not in the environment.
exec awk '{
  while (match($0, /\$\{[A-Z_]+\}/)) {
    name = substr($0, RSTART + 2, RLENGTH - 3)
    if (!(name in ENVIRON)) {
      print "fill.sh: nothing is known for " name > "/dev/stderr"
      exit 1
    }
    printf "%s%s", substr($0, 1, RSTART - 1), ENVIRON[name]
    $0 = substr($0, RSTART + RLENGTH)
  }
  print
}' "$1"
