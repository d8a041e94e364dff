// Docker and Kubernetes, where a container has limits of its own.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "host-memory",
     .fix = "Raise the container's limit: docker run --memory (Docker Desktop: Settings, "
            "Resources; WSL: memory= in .wslconfig), resources.limits.memory in "
            "Kubernetes",
     .why = "the kernel kills at that limit, however much the machine has",
     .source = "docs.docker.com: Resource constraints; kubernetes.io: Assign Memory "
               "Resources"},
    {0},
};

const snug_tool snug_tool_docker = {
    .name = "a container",
    .rank = SNUG_TOOL_PLATFORM,
    .words = "docker|kubernetes|kubectl|oomkilled|k8s|exitcode137|exitcode:137|"
             "exitedwithcode137|containerd|podman",
    .levers = levers,
};
