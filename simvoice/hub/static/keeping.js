/* Look again until the record of an encounter is kept; then the server goes on to its debrief. */

setTimeout(() => location.reload(), 2000);
