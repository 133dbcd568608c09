FROM python:3.13-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends unixodbc odbcinst libsqliteodbc odbc-postgresql \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/voeg
COPY . .
RUN pip install --no-cache-dir "$(grep -o '^uv==[^ ]*' requirements.lock)" \
    && uv sync --frozen --no-dev --no-editable --no-cache \
    && pip uninstall --yes uv \
    && useradd --system voeg

USER voeg
WORKDIR /estate
ENTRYPOINT ["/opt/voeg/.venv/bin/voeg"]
