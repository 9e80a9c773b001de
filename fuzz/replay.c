/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over the files of a folder, without libFuzzer: every
 * input that once taught something stays a test of each build.
 */
#include <dirent.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz/fuzz.h"

enum {
    INPUT_MAX = 1 << 20
};

static void replay(const char *folder, const char *name)
{
    static uint8_t input[INPUT_MAX];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    CHECK(file);
    size_t size = fread(input, 1, sizeof input, file);
    CHECK(!ferror(file) && size < sizeof input);
    fclose(file);
    fprintf(stderr, "%s\n", name);
    LLVMFuzzerTestOneInput(input, size);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    DIR *folder = opendir(argv[1]);
    CHECK(folder);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        replay(argv[1], entry->d_name);
        count++;
    }
    closedir(folder);
    CHECK(count > 0);
    printf("%d inputs\n", count);
    return 0;
}
