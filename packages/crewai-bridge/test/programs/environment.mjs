// Prints its whole environment.
process.stdout.write(JSON.stringify(process.env));
