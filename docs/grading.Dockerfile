# The image of the grading workers and of the scheduler: the course, Dask, bubblewrap.
# docker build -f docs/grading.Dockerfile -t registry.example/k8snet-grading:1 .
FROM python:3.12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /tmp/course
COPY pyproject.toml requirements.lock README.md LICENSE CHANGELOG.md ./
COPY k8snet_lessons k8snet_lessons
RUN pip install --no-cache-dir -c requirements.lock '.[grid]' && rm -rf /tmp/course/*
