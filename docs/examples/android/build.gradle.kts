plugins {
  id("com.apollographql.apollo") version "5.1.0"
}

dependencies {
  implementation("com.apollographql.apollo:apollo-runtime:5.1.0")
  implementation("androidx.browser:browser:1.8.0")
}

apollo {
  service("paydesk") {
    packageName.set("com.example.shop.paydesk")
    mapScalarToKotlinString("URL")
    introspection {
      endpointUrl.set("http://127.0.0.1:8000/graphql")
      schemaFile.set(file("src/main/graphql/schema.graphqls"))
    }
  }
}
