# The image of the grading workers and of the scheduler: the course, Dask, bubblewrap.
# docker build -f docs/grading.Dockerfile -t registry.example/k8snet-grading:1 .
FROM python:3.12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap \
 && rm -rf /var/lib/apt/lists/*
COPY . /opt/k8snet-lessons
RUN pip install --no-cache-dir -c /opt/k8snet-lessons/requirements.lock '/opt/k8snet-lessons[grid]' \
 && rm -rf /opt/k8snet-lessons
